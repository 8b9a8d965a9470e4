"""The option `--all-versions`, and the versions that a reference means with and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artfs.errors import InvalidInputError, NotFoundError
from artfs.names import LATEST, VersionRef

if TYPE_CHECKING:
    from artfs.catalog import Version, View

__all__ = ["all_versions_option", "versions_meant"]

all_versions_option = click.option(
    "--all-versions", is_flag=True, help="A bare NAME means all its versions, deleted ones too."
)


def versions_meant(view: View, ref: VersionRef, *, all_versions: bool) -> list[Version]:
    """Return the version that a reference names, or all of the artifact, the newest first; deleted ones too.

    Lineage outlives contents.

    Args:
        view: The catalog.
        ref: The reference.
        all_versions: `--all-versions` is given.

    Raises:
        InvalidInputError: All versions are wanted of a reference to one.
        NotFoundError: There is none.
    """
    if not all_versions:
        return [view.resolve_known(ref)]
    if ref.selector != LATEST:
        raise InvalidInputError(f"{ref} is one version: give --all-versions with the artifact's name alone")
    artifact = view.known_artifact(ref.name) or view.resolve_artifact(ref.name)
    found = list(view.versions(artifact.serial, newest_first=True, deleted=True))
    if not found:
        raise NotFoundError(f"artifact {ref.name} has no versions yet: `artfs put -n {ref.name} PATH` makes one")
    return found
