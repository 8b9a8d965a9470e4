"""From what a user asks to operations: the rules of the catalog.

Each function looks at the catalog as it stands under the write lock, refuses what the rules forbid, and adds
operations to a `Plan`. Nothing is written here.
"""

from artfs.catalog.plans.deleting import delete_artifact, delete_versions, keep_last, undelete_version
from artfs.catalog.plans.editing import VersionEdit, edit_artifact, edit_version, remove_alias, rename, set_alias
from artfs.catalog.plans.logging import NewVersion, link, log_version
from artfs.catalog.plans.plan import Plan, Target
from artfs.catalog.plans.runs import (
    NewRun,
    Use,
    edit_run,
    end_crashed,
    finish_run,
    start_run,
    use_version,
    use_versions,
)

__all__ = [
    "NewRun",
    "NewVersion",
    "Plan",
    "Target",
    "Use",
    "VersionEdit",
    "delete_artifact",
    "delete_versions",
    "edit_artifact",
    "edit_run",
    "edit_version",
    "end_crashed",
    "finish_run",
    "keep_last",
    "link",
    "log_version",
    "remove_alias",
    "rename",
    "set_alias",
    "start_run",
    "undelete_version",
    "use_version",
    "use_versions",
]
