"""Which versions a gc lets go of: those that were deleted, and those whose time to live is over.

Nothing is removed here but the way back: what no version, draft or reader holds any more is found afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.catalog.plans.deleting import delete_versions
from artfs.catalog.plans.plan import Plan
from artfs.format.operations import VersionRemoved
from artfs.names import LATEST

if TYPE_CHECKING:
    from artfs.catalog.schema import Version

__all__ = ["Collected", "collect"]


@dataclass(frozen=True, slots=True)
class Collected:
    """A version that cannot be brought back any more.

    Attributes:
        ref: What it was called last.
        artifact: Its artifact's serial.
        index: N of vN.
        expired: It was not deleted: its time to live is over.
    """

    ref: str
    artifact: int
    index: int
    expired: bool


def collect(plan: Plan, limit: int) -> list[Collected]:
    """Remove versions for good: the deleted ones, and those that expired and bear no alias besides `latest`.

    Args:
        plan: What is to be published.
        limit: At most so many, to be called again: a journal record has a bound.
    """
    view = plan.view
    deleted: list[Version] = []
    expired: defaultdict[int, list[int]] = defaultdict(list)
    for version in view.all_versions():
        if version.removed:
            continue
        if version.deleted:
            deleted.append(version)
        elif _is_over(version, plan.now_ns) and set(view.aliases_of(version)) <= {LATEST}:
            expired[version.artifact].append(version.index)
        else:
            continue
        limit -= 1
        if not limit:
            break
    found = [_collected(plan, version.artifact, version.index, expired=False) for version in deleted]
    for artifact, indexes in expired.items():
        row = view.artifact(artifact)
        if row is not None:
            delete_versions(plan, row.name, indexes, delete_aliases=False)
        found += [_collected(plan, artifact, index, expired=True) for index in indexes]
    plan.ops.extend(VersionRemoved(one.artifact, one.index) for one in found)
    return found


def _is_over(version: Version, now_ns: int) -> bool:
    return version.ttl_ns is not None and version.created_ns + version.ttl_ns <= now_ns


def _collected(plan: Plan, artifact: int, index: int, *, expired: bool) -> Collected:
    row = plan.view.artifact(artifact)
    return Collected(f"{'?' if row is None else row.name}:v{index}", artifact, index, expired)
