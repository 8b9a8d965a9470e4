"""Errors for names that are not in the catalog; each says what there is instead, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.errors import NotFoundError
from artfs.names import is_version_like, printable
from artfs.spelling import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from artfs.catalog.schema import Artifact, Version
    from artfs.names import VersionRef

__all__ = ["missing_alias", "missing_artifact", "missing_version", "no_versions", "unnamed_artifact"]


def missing_artifact(name: str, names: Iterable[str], elsewhere: Sequence[str] = ()) -> NotFoundError:
    """Make the error for a name that no artifact ever had.

    Args:
        name: The name.
        names: Names of artifacts that it may be a misspelling of.
        elsewhere: Names that differ from it in the project alone.
    """
    if elsewhere:
        return NotFoundError(f"artifact {name} does not exist: did you mean {_listed(elsewhere)}?")
    said = f"artifact {name} does not exist"
    if is_version_like(name):
        return NotFoundError(f"{said}: a version is named with its artifact, as NAME:{name}")
    meant = nearest(name, names)
    if meant is not None:
        return NotFoundError(f"{said}: did you mean {meant}? `artfs ls` shows all")
    return NotFoundError(f"{said}: `artfs ls` shows which do")


def _listed(names: Sequence[str]) -> str:
    named = [f"{name} (of no project: /{name} where one is set)" if "/" not in name else name for name in names[:3]]
    return " or ".join(named) + (" ..." if len(names) > 3 else "")


def unnamed_artifact(name: str, owner: Artifact, newest: Version | None) -> NotFoundError:
    """Make the error for a name that an artifact had, which is deleted or has another name now.

    Args:
        name: The name.
        owner: The artifact that had it last.
        newest: Its newest version that can be brought back; None if there is none.
    """
    if owner.name != name:
        return NotFoundError(f"artifact {name} does not exist: it was renamed, and is {owner.name} now")
    said = f"artifact {name} was deleted"
    if newest is None:
        return NotFoundError(f"{said}, and gc has removed its contents: `artfs ls` shows which artifacts there are")
    return NotFoundError(f"{said}: `artfs undelete {name}:{newest.name}` brings its newest version back")


def missing_version(ref: VersionRef, row: Version | None, newest: Version | None) -> NotFoundError:
    """Make the error for a version of an artifact that exists.

    Args:
        ref: The version.
        row: Its row, if it was deleted; None if there never was one.
        newest: The newest version; None if all are deleted.
    """
    if row is not None and row.removed:
        said = f"{ref} was deleted, and gc has removed its contents"
        return NotFoundError(f"{said}: `artfs log {ref.name}` shows the versions that are left")
    if row is not None:
        back = f"`artfs undelete {ref}` brings it back"
        return NotFoundError(f"{ref} was deleted: {back}, `artfs log {ref.name}` shows the versions that are left")
    if newest is None:
        return NotFoundError(f"{ref} does not exist: `artfs log {ref.name}` shows the versions of {ref.name}")
    return NotFoundError(f"{ref} does not exist: the newest is {newest.name}, and `artfs log {ref.name}` shows all")


def missing_alias(name: str, alias: str, aliases: Iterable[str]) -> NotFoundError:
    """Make the error for an alias that an artifact does not have.

    Args:
        name: The artifact.
        alias: The alias.
        aliases: Those that it has.
    """
    said = f"{name} has no alias {printable(alias)}"
    meant = nearest(alias, aliases)
    if meant is not None:
        return NotFoundError(f"{said}: did you mean {printable(meant)}? `artfs alias ls {name}` shows all")
    return NotFoundError(f"{said}: `artfs alias ls {name}` shows its aliases")


def no_versions(name: str, deleted: Version | None) -> NotFoundError:
    """Make the error for an artifact without a version.

    Args:
        name: The artifact.
        deleted: The newest of its deleted versions; None if there never was one.
    """
    if deleted is None:
        return NotFoundError(f"{name} has no version yet: `artfs put PATH -n {name}` makes one")
    said = f"{name} has no version, since all were deleted"
    if deleted.removed:
        return NotFoundError(f"{said}: `artfs put PATH -n {name}` makes the next one")
    return NotFoundError(f"{said}: `artfs undelete {name}:{deleted.name}` brings the newest back")
