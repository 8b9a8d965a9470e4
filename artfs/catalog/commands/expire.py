"""Plan the removal of deleted and expired versions for good, as gc does.

Only the way back is removed here: contents that no version, draft or reader refers to any more are found afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.catalog.commands.delete import delete_versions
from artfs.catalog.commands.plan import Plan
from artfs.format.operations import VersionRemoved
from artfs.names import LATEST

if TYPE_CHECKING:
    from artfs.catalog.schema import Version
    from artfs.catalog.view import View

__all__ = ["RemovedVersion", "expire_versions"]


@dataclass(frozen=True, slots=True)
class RemovedVersion:
    """A version that cannot be undeleted any more.

    Attributes:
        ref: Its last reference, as `animals:v3`.
        artifact: Its artifact's serial.
        index: N of vN.
        expired: It was not deleted: its time to live is over.
    """

    ref: str
    artifact: int
    index: int
    expired: bool


def expire_versions(plan: Plan, limit: int, *, grace_ns: int = 0) -> list[RemovedVersion]:
    """Remove deleted versions for good, and expired ones that have no alias besides `latest`.

    Args:
        plan: The plan.
        limit: Most versions to remove, as a journal record is bounded: call it again for more.
        grace_ns: Leave versions that were deleted at most so long ago (nanoseconds).
    """
    view = plan.view
    deleted: list[Version] = []
    expired: defaultdict[int, list[int]] = defaultdict(list)
    for version in view.all_versions():
        if version.removed:
            continue
        if version.deleted:
            if grace_ns and _is_deleted_after(view, version, plan.now_ns - grace_ns):
                continue
            deleted.append(version)
        elif _is_over(version, plan.now_ns) and set(view.aliases_of(version)) <= {LATEST}:
            expired[version.artifact].append(version.index)
        else:
            continue
        limit -= 1
        if not limit:
            break
    found = [_removed(plan, version.artifact, version.index, expired=False) for version in deleted]
    for artifact, indexes in expired.items():
        row = view.artifact(artifact)
        if row is not None:
            delete_versions(plan, row.name, indexes, delete_aliases=False)
        found += [_removed(plan, artifact, index, expired=True) for index in indexes]
    plan.ops.extend(VersionRemoved(one.artifact, one.index) for one in found)
    return found


def _is_deleted_after(view: View, version: Version, time_ns: int) -> bool:
    deletion = view.deletion(version)
    return deletion is not None and deletion.deleted_ns > time_ns


def _is_over(version: Version, now_ns: int) -> bool:
    return version.ttl_ns is not None and version.created_ns + version.ttl_ns <= now_ns


def _removed(plan: Plan, artifact: int, index: int, *, expired: bool) -> RemovedVersion:
    row = plan.view.artifact(artifact)
    return RemovedVersion(f"{'?' if row is None else row.name}:v{index}", artifact, index, expired)
