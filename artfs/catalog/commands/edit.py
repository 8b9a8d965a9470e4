"""Plan edits: aliases, names, and the fields of a version or an artifact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from artfs.catalog.commands.plan import Plan, VersionKey
from artfs.catalog.metadata import check_text, checked_fields
from artfs.errors import ConflictError, InvalidInputError
from artfs.format.operations import ArtifactEdited, ArtifactRenamed, VersionEdited
from artfs.names import LATEST, Alias, VersionRef, parse_alias, parse_artifact_name

if TYPE_CHECKING:
    from artfs.catalog.schema import Version

__all__ = ["VersionEdit", "edit_artifact", "edit_version", "remove_alias", "rename", "set_alias"]


@dataclass(frozen=True, slots=True)
class VersionEdit:
    """An edit of a version; fields that are UNSET stay.

    Attributes:
        description: Free text.
        metadata: Canonical JSON (`encode_metadata`).
        tags: All tags after the edit.
        ttl_ns: Nanoseconds to live from its creation; None: for ever.
    """

    description: str | UnsetType = UNSET
    metadata: bytes | UnsetType = UNSET
    tags: Sequence[str] | UnsetType = UNSET
    ttl_ns: int | UnsetType | None = UNSET


def set_alias(plan: Plan, ref: VersionRef, alias: str) -> VersionKey:
    """Set an alias to a version.

    Raises:
        InvalidInputError: The alias is not allowed.
        NotFoundError: There is no such version.
    """
    alias = _own_alias(alias)
    version = plan.view.resolve(ref)
    plan.set_alias(version.artifact, alias, version.index)
    return VersionKey(version.artifact, version.index)


def remove_alias(plan: Plan, name: str, alias: str) -> None:
    """Remove an alias.

    Raises:
        InvalidInputError: It is `latest`.
        NotFoundError: There is none.
    """
    alias = _own_alias(alias)
    artifact = plan.artifact(name).serial
    row = plan.view.alias(artifact, alias)
    if row is None:
        raise plan.view.missing_alias(name, artifact, alias)
    plan.remove_alias(row)


def edit_version(plan: Plan, ref: VersionRef, edit: VersionEdit | Callable[[Version], VersionEdit]) -> VersionKey:
    """Edit a version.

    Args:
        plan: The plan.
        ref: The version.
        edit: The edit, or a function that returns it for the version as it is. It may be called more than once.

    Raises:
        InvalidInputError: A value is not allowed.
        NotFoundError: There is no such version.
    """
    version = plan.view.resolve(ref)
    wanted = edit if isinstance(edit, VersionEdit) else edit(version)
    fields = checked_fields(
        version.description if wanted.description is UNSET else wanted.description,
        version.metadata if wanted.metadata is UNSET else wanted.metadata,
        version.tags if wanted.tags is UNSET else wanted.tags,
        version.ttl_ns if wanted.ttl_ns is UNSET else wanted.ttl_ns,
    )
    if fields != version.fields:
        plan.ops.append(VersionEdited(version.artifact, version.index, fields, version.fields))
    return VersionKey(version.artifact, version.index)


def edit_artifact(plan: Plan, name: str, description: str) -> int:
    """Change an artifact's description; returns its serial.

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
    """Rename an artifact; returns its serial.

    Raises:
        InvalidInputError: The new name is not allowed.
        NotFoundError: There is no such artifact.
        ConflictError: The new name is taken, or was another artifact's, whose version numbers are never used again;
            or it is a project, or in a project that is an artifact.
    """
    artifact = plan.artifact(name)
    new = parse_artifact_name(new)
    row = plan.view.name_row(new)
    if row is not None and row.serial:
        raise ConflictError(f"artifact {new} exists: choose another name")
    if row is not None and row.owner != artifact.serial:
        raise ConflictError(
            f"{new} was the name of another artifact, whose version numbers are never used again: choose another name"
        )
    plan.take_name(new, instead_of=artifact.name)
    plan.ops.append(ArtifactRenamed(artifact.serial, new, name))
    return artifact.serial


def _own_alias(alias: str) -> Alias:
    parsed = parse_alias(alias)
    if parsed == LATEST:
        raise InvalidInputError(
            "the alias latest is kept by the store, which moves it to each new version: choose another name"
        )
    return parsed
