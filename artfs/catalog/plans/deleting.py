"""Delete versions and artifacts, and take a deletion back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from artfs.catalog.plans.plan import Plan, Target
from artfs.errors import ConflictError, InvalidInputError, NotFoundError, VersionInUseError
from artfs.format.operations import ArtifactDeleted, ArtifactUndeleted, VersionDeleted, VersionUndeleted
from artfs.names import LATEST, VersionRef, parse_artifact_name, printable

if TYPE_CHECKING:
    from artfs.catalog.schema import Artifact

__all__ = ["delete_artifact", "delete_versions", "keep_last", "undelete_version"]


def delete_versions(plan: Plan, name: str, indexes: Sequence[int], *, delete_aliases: bool) -> list[Target]:
    """Delete versions; `latest` falls back to the newest left, or goes with the last.

    Raises:
        NotFoundError: One of them does not exist.
        VersionInUseError: One of them has aliases besides `latest`, and `delete_aliases` was not given.
    """
    artifact = plan.artifact(name)
    doomed = dict.fromkeys(indexes)
    for index in doomed:
        plan.view.resolve(VersionRef(parse_artifact_name(name), index))
    _drop_aliases(plan, artifact, doomed, delete_aliases=delete_aliases)
    latest = plan.view.alias(artifact.serial, LATEST)
    if latest is not None and latest.index in doomed:
        left = (v.index for v in plan.view.versions(artifact.serial, newest_first=True) if v.index not in doomed)
        newest = next(left, None)
        if newest is None:
            plan.drop(latest)
        else:
            plan.point(artifact.serial, LATEST, newest)
    plan.ops.extend(VersionDeleted(artifact.serial, index) for index in doomed)
    return [Target(artifact.serial, index) for index in doomed]


def keep_last(plan: Plan, name: str, count: int, *, delete_aliases: bool) -> list[Target]:
    """Delete all versions but the newest ones, and but those that have aliases unless `delete_aliases`.

    Raises:
        InvalidInputError: `count` is not positive.
        NotFoundError: There is no such artifact.
    """
    if count < 1:
        raise InvalidInputError("at least one version must be kept: delete the artifact to delete all")
    artifact = plan.artifact(name)
    older = [version.index for version in plan.view.versions(artifact.serial, newest_first=True)][count:]
    named = set() if delete_aliases else {row.index for row in plan.view.aliases(artifact.serial)}
    doomed = sorted(set(older) - named)
    return delete_versions(plan, name, doomed, delete_aliases=delete_aliases)


def delete_artifact(plan: Plan, name: str, *, delete_aliases: bool) -> int:
    """Delete an artifact and all its versions; gives its serial.

    Raises:
        NotFoundError: There is no such artifact.
        VersionInUseError: It has aliases besides `latest`, and `delete_aliases` was not given.
    """
    artifact = plan.artifact(name)
    live = [version.index for version in plan.view.versions(artifact.serial)]
    delete_versions(plan, name, live, delete_aliases=delete_aliases)
    plan.ops.append(ArtifactDeleted(artifact.serial, name))
    return artifact.serial


def undelete_version(plan: Plan, name: str, index: int) -> Target:
    """Take back the deletion of a version, and that of its artifact too if nobody else bore its name since.

    Raises:
        NotFoundError: No such version was deleted, or gc has taken it.
        ConflictError: It is not deleted.
    """
    row = plan.view.name(parse_artifact_name(name))
    version = None if row is None else plan.view.version(row.owner, index, deleted=True)
    artifact = None if version is None else plan.view.artifact(version.artifact)
    # An artifact that was renamed since stands in the row of its old name as the last owner: that name is not its own.
    if row is None or version is None or artifact is None or artifact.name != name:
        raise NotFoundError(f"there is no deleted version {name}:v{index} to bring back")
    if not version.deleted:
        raise ConflictError(f"{name}:v{index} is not deleted")
    if version.removed:
        raise NotFoundError(f"{name}:v{index} cannot be brought back: gc has removed its contents")
    if artifact.deleted:
        plan.ops.append(ArtifactUndeleted(artifact.serial, name))
    plan.ops.append(VersionUndeleted(artifact.serial, index))
    latest = plan.view.alias(artifact.serial, LATEST)
    if latest is None or latest.index < index:
        plan.point(artifact.serial, LATEST, index)
    return Target(artifact.serial, index)


def _drop_aliases(plan: Plan, artifact: Artifact, doomed: dict[int, None], *, delete_aliases: bool) -> None:
    rows = [row for row in plan.view.aliases(artifact.serial) if row.index in doomed and row.name != LATEST]
    if rows and not delete_aliases:
        names = ", ".join(f"{printable(row.name)} (v{row.index})" for row in rows[:5])
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        raise VersionInUseError(
            f"{artifact.name} has aliases for what is to be deleted: {names}{more};"
            " delete them too with --delete-aliases"
        )
    for row in rows:
        plan.drop(row)
