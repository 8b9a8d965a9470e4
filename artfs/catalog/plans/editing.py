"""Change what can be changed: aliases, names, and what is said of a version or an artifact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from artfs.catalog.plans.fields import check_text, fields_of
from artfs.catalog.plans.plan import Plan, Target
from artfs.errors import ConflictError, InvalidInputError, NotFoundError
from artfs.format.operations import ArtifactEdited, ArtifactRenamed, VersionEdited
from artfs.names import LATEST, Alias, VersionRef, parse_alias, parse_artifact_name, printable

if TYPE_CHECKING:
    from artfs.catalog.schema import Version

__all__ = ["VersionEdit", "edit_artifact", "edit_version", "remove_alias", "rename", "set_alias"]


@dataclass(frozen=True, slots=True)
class VersionEdit:
    """What to change of a version; what is UNSET stays.

    Attributes:
        description: Free text.
        metadata: Canonical JSON (`encode_metadata`).
        tags: All the tags it is to have.
        ttl_ns: Nanoseconds to live from its creation; None: for ever.
    """

    description: str | UnsetType = UNSET
    metadata: bytes | UnsetType = UNSET
    tags: Sequence[str] | UnsetType = UNSET
    ttl_ns: int | UnsetType | None = UNSET


def set_alias(plan: Plan, ref: VersionRef, alias: str) -> Target:
    """Let an alias name a version.

    Raises:
        InvalidInputError: The alias is not allowed.
        NotFoundError: There is no such version.
    """
    alias = _own_alias(alias)
    version = plan.view.resolve(ref)
    plan.point(version.artifact, alias, version.index)
    return Target(version.artifact, version.index)


def remove_alias(plan: Plan, name: str, alias: str) -> None:
    """Remove an alias.

    Raises:
        InvalidInputError: It is `latest`.
        NotFoundError: There is none.
    """
    alias = _own_alias(alias)
    row = plan.view.alias(plan.artifact(name).serial, alias)
    if row is None:
        raise NotFoundError(f"{name} has no alias {printable(alias)}: `artfs alias ls {name}` shows its aliases")
    plan.drop(row)


def edit_version(plan: Plan, ref: VersionRef, edit: VersionEdit | Callable[[Version], VersionEdit]) -> Target:
    """Change what can be changed of a version.

    Raises:
        InvalidInputError: A value is not allowed.
        NotFoundError: There is no such version.
    """
    version = plan.view.resolve(ref)
    wanted = edit if isinstance(edit, VersionEdit) else edit(version)
    fields = fields_of(
        version.description if wanted.description is UNSET else wanted.description,
        version.metadata if wanted.metadata is UNSET else wanted.metadata,
        version.tags if wanted.tags is UNSET else wanted.tags,
        version.ttl_ns if wanted.ttl_ns is UNSET else wanted.ttl_ns,
    )
    if fields != version.fields:
        plan.ops.append(VersionEdited(version.artifact, version.index, fields, version.fields))
    return Target(version.artifact, version.index)


def edit_artifact(plan: Plan, name: str, description: str) -> int:
    """Change an artifact's description; gives its serial.

    Raises:
        InvalidInputError: The description is not allowed.
        NotFoundError: There is no such artifact.
    """
    artifact = plan.artifact(name)
    description = check_text(description, "description")
    if description != artifact.description:
        plan.ops.append(ArtifactEdited(artifact.serial, description, artifact.description))
    return artifact.serial


def rename(plan: Plan, name: str, new: str) -> int:
    """Give an artifact another name; gives its serial.

    Raises:
        InvalidInputError: The new name is not allowed.
        NotFoundError: There is no such artifact.
        ConflictError: The new name is taken, or its version numbers were another artifact's once.
    """
    artifact = plan.artifact(name)
    row = plan.view.name(parse_artifact_name(new))
    if row is not None and row.serial:
        raise ConflictError(f"artifact {new} exists: choose another name")
    if row is not None and row.owner != artifact.serial:
        raise ConflictError(
            f"{new} was the name of another artifact, whose version numbers are never used again: choose another name"
        )
    plan.ops.append(ArtifactRenamed(artifact.serial, new, name))
    return artifact.serial


def _own_alias(alias: str) -> Alias:
    if parse_alias(alias) == LATEST:
        raise InvalidInputError("the alias latest is kept by the store: it always names the newest version")
    return Alias(alias)
