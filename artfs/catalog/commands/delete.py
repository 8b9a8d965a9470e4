"""Plan deletions of versions and artifacts, and undelete them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeAlias

from artfs.catalog.commands.plan import Plan, VersionKey
from artfs.catalog.retention import kept_by
from artfs.errors import ConflictError, NotFoundError, VersionInUseError
from artfs.format.operations import ArtifactDeleted, ArtifactUndeleted, VersionDeleted, VersionUndeleted
from artfs.names import LATEST, VersionRange, VersionRef, parse_artifact_name, printable

if TYPE_CHECKING:
    from artfs.catalog.retention import RetentionRules
    from artfs.catalog.schema import Artifact, Version
    from artfs.names import ArtifactName

__all__ = ["Selection", "delete_artifact", "delete_selected", "delete_versions", "judge_selected", "undelete_versions"]


Selection: TypeAlias = "VersionRef | VersionRange | ArtifactName"
"""Versions to delete: one, those of a range that are there, or all of an artifact."""


def delete_versions(plan: Plan, name: str, indexes: Sequence[int], *, delete_aliases: bool) -> list[VersionKey]:
    """Delete versions; `latest` moves to the newest that is left, and is deleted with the last.

    Raises:
        NotFoundError: One of them does not exist.
        VersionInUseError: One of them has aliases besides `latest`, and `delete_aliases` was not given.
    """
    artifact = plan.artifact(name)
    deleted = dict.fromkeys(indexes)
    for index in deleted:
        plan.view.resolve(VersionRef(parse_artifact_name(name), index))
    removed = _remove_aliases(plan, artifact, deleted, delete_aliases=delete_aliases)
    latest = plan.view.alias(artifact.serial, LATEST)
    if latest is not None and latest.index in deleted:
        left = (v.index for v in plan.view.versions(artifact.serial, newest_first=True) if v.index not in deleted)
        newest = next(left, None)
        if newest is None:
            plan.remove_alias(latest)
        else:
            plan.set_alias(artifact.serial, LATEST, newest)
    plan.ops.extend(VersionDeleted(artifact.serial, index, tuple(removed[index])) for index in deleted)
    return [VersionKey(artifact.serial, index) for index in deleted]


def delete_selected(
    plan: Plan,
    selected: Sequence[Selection],
    rules: RetentionRules | None = None,
    *,
    delete_aliases: bool = False,
) -> list[VersionKey]:
    """Delete versions of one artifact or several: those selected, or those of them that rules let go.

    Args:
        plan: The plan.
        selected: What is deleted, or what the rules choose from.
        rules: Rules for each artifact; None: all that is selected goes.
        delete_aliases: Aliases go with their versions. Without it such a version is kept by rules.

    Returns:
        The versions, by artifact in the order given, and by index.

    Raises:
        NotFoundError: There is no such artifact or version, or nothing in a range.
        VersionInUseError: A version has aliases besides `latest`, and neither `delete_aliases` nor rules were given.
    """
    going = defaultdict[str, list[int]](list)
    for name, version, why in judge_selected(plan, selected, rules, delete_aliases=delete_aliases):
        if not why:
            going[name].append(version.index)
    deleted = []
    for name, indexes in going.items():
        deleted += delete_versions(plan, name, indexes, delete_aliases=delete_aliases)
    return deleted


def judge_selected(
    plan: Plan,
    selected: Sequence[Selection],
    rules: RetentionRules | None,
    *,
    delete_aliases: bool = False,
) -> list[tuple[str, Version, tuple[str, ...]]]:
    """Return what `delete_selected` would delete and what not: artifact, version, and by what it is kept.

    Raises:
        NotFoundError: There is no such artifact or version, or nothing in a range.
    """
    candidates = defaultdict[str, set[int]](set)
    for one in selected:
        if isinstance(one, VersionRef | VersionRange):
            candidates[one.name].update(version.index for version in plan.view.resolve_all([one]))
        else:
            candidates[one].update(version.index for version in plan.view.versions(plan.artifact(one).serial))
    judged: list[tuple[str, Version, tuple[str, ...]]] = []
    for name, indexes in candidates.items():
        serial = plan.artifact(name).serial
        versions = list(plan.view.versions(serial))
        kept: dict[int, tuple[str, ...]] = {}
        if rules is not None:
            aliases = defaultdict[int, list[str]](list)
            for row in () if delete_aliases else plan.view.aliases(serial):
                if row.name != LATEST:  # the newest is kept in any case
                    aliases[row.index].append(row.name)
            kept = kept_by(versions, rules, plan.now_ns, aliases=aliases)
        judged += [(name, version, kept.get(version.index, ())) for version in versions if version.index in indexes]
    return judged


def delete_artifact(plan: Plan, name: str, *, delete_aliases: bool) -> int:
    """Delete an artifact and all its versions; returns its serial.

    Raises:
        NotFoundError: There is no such artifact.
        VersionInUseError: It has aliases besides `latest`, and `delete_aliases` was not given.
    """
    artifact = plan.artifact(name)
    live = [version.index for version in plan.view.versions(artifact.serial)]
    delete_versions(plan, name, live, delete_aliases=delete_aliases)
    plan.ops.append(ArtifactDeleted(artifact.serial, name))
    return artifact.serial


def undelete_versions(plan: Plan, name: str, indexes: Collection[int] | None = None) -> list[VersionKey]:
    """Undelete versions, with those aliases that were removed with them and that no other version has by now.

    The artifact is undeleted too if no other artifact had its name since. An alias that several had goes to the newest.

    Args:
        plan: The plan.
        name: The artifact.
        indexes: The versions; None: all that can be brought back.

    Returns:
        The versions, the newest first.

    Raises:
        NotFoundError: One of them was not deleted, or gc has taken it; or there is none.
        ConflictError: One of them is not deleted; or the artifact's name is a project now, or its project an artifact.
    """
    row = plan.view.name_row(parse_artifact_name(name))
    artifact = None if row is None else plan.view.artifact(row.owner)
    # A renamed artifact still is the last owner in the row of its old name, which is not its name any more.
    if artifact is None or artifact.name != name:
        what = f"{name}:v{max(indexes)}" if indexes else f"of {name}"
        raise NotFoundError(f"there is no deleted version {what} to bring back")
    if indexes is None:
        indexes = [version.index for version in plan.view.undeletable(artifact.serial)]
        if not indexes:
            raise NotFoundError(f"there is no deleted version of {name} to bring back")
    found = [_deleted_version(plan, artifact, index) for index in sorted(indexes, reverse=True)]
    if artifact.deleted:
        plan.take_name(artifact.name)
        plan.ops.append(ArtifactUndeleted(artifact.serial, name))
    plan.ops.extend(VersionUndeleted(artifact.serial, version.index) for version in found)
    latest = plan.view.alias(artifact.serial, LATEST)
    if latest is None or latest.index < found[0].index:
        plan.set_alias(artifact.serial, LATEST, found[0].index)
    taken = {alias.name for alias in plan.view.aliases(artifact.serial)}
    for version in found:
        deletion = plan.view.deletion(version)
        for alias in () if deletion is None else deletion.aliases:
            if alias not in taken:
                taken.add(alias)
                plan.set_alias(artifact.serial, alias, version.index)
    return [VersionKey(artifact.serial, version.index) for version in found]


def _deleted_version(plan: Plan, artifact: Artifact, index: int) -> Version:
    version = plan.view.version(artifact.serial, index, deleted=True)
    if version is None:
        raise NotFoundError(f"there is no deleted version {artifact.name}:v{index} to bring back")
    if not version.deleted:
        raise ConflictError(f"{artifact.name}:v{index} is not deleted")
    if version.removed:
        raise NotFoundError(f"{artifact.name}:v{index} cannot be brought back: gc has removed its contents")
    return version


def _remove_aliases(
    plan: Plan, artifact: Artifact, deleted: dict[int, None], *, delete_aliases: bool
) -> defaultdict[int, list[str]]:
    """Remove the aliases of versions, `latest` left out, and return them by version."""
    rows = [row for row in plan.view.aliases(artifact.serial) if row.index in deleted and row.name != LATEST]
    if rows and not delete_aliases:
        names = ", ".join(f"{printable(row.name)} (v{row.index})" for row in rows[:5])
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        raise VersionInUseError(
            f"{artifact.name} has aliases for what is to be deleted: {names}{more};"
            " delete them too with --delete-aliases"
        )
    removed = defaultdict[int, list[str]](list)
    for row in rows:
        plan.remove_alias(row)
        removed[row.index].append(row.name)
    return removed
