"""Commands: the rules of the catalog, from a request to the operations of a journal record.

Each command looks at the catalog as it stands under the write lock, refuses what the rules forbid, and adds operations
to a `Plan`. It has no other effect, and may be called again on another plan.
"""

from artfs.catalog.commands.create import NewVersion, link, log_again, log_version, restore
from artfs.catalog.commands.delete import (
    Selection,
    delete_artifact,
    delete_selected,
    delete_versions,
    judge_selected,
    undelete_versions,
)
from artfs.catalog.commands.distributed import NewPart, PartSet, add_part
from artfs.catalog.commands.edit import VersionEdit, edit_artifact, edit_version, remove_alias, rename, set_alias
from artfs.catalog.commands.expire import RemovedVersion, expire_versions
from artfs.catalog.commands.plan import Plan, VersionKey
from artfs.catalog.commands.receive import Arrival, Incoming, Received, ReceivedVersion, receive_versions
from artfs.catalog.commands.runs import (
    NewRun,
    VersionUse,
    edge_after_use,
    edit_run,
    end_crashed,
    finish_run,
    start_run,
    use_version,
    use_versions,
    uses_of_sources,
)

__all__ = [
    "Arrival",
    "Incoming",
    "NewPart",
    "NewRun",
    "NewVersion",
    "PartSet",
    "Plan",
    "Received",
    "ReceivedVersion",
    "RemovedVersion",
    "Selection",
    "VersionEdit",
    "VersionKey",
    "VersionUse",
    "add_part",
    "delete_artifact",
    "delete_selected",
    "delete_versions",
    "edge_after_use",
    "edit_artifact",
    "edit_run",
    "edit_version",
    "end_crashed",
    "expire_versions",
    "finish_run",
    "judge_selected",
    "link",
    "log_again",
    "log_version",
    "receive_versions",
    "remove_alias",
    "rename",
    "restore",
    "set_alias",
    "start_run",
    "undelete_versions",
    "use_version",
    "use_versions",
    "uses_of_sources",
]
