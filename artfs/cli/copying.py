"""What `push`, `pull` and `clone` have in common: two stores, which versions go, under which name and aliases."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import ALIAS, NAME
from artfs.cli.settings import Settings
from artfs.errors import InvalidInputError

if TYPE_CHECKING:
    from artfs.catalog import Version
    from artfs.names import VersionRange, VersionRef
    from artfs.store import Store

__all__ = ["LEFT", "chosen_versions", "copy_options", "other_store"]

LEFT = "versions go all at once or not at all: the same command goes on from what went"
"""What is left of a copy that was interrupted."""

_OPTIONS = (
    click.option("--all-versions", is_flag=True, help="All versions of the artifacts of the REFs."),
    click.option("--as", "name", type=NAME, help="Give the artifact this name there."),
    click.option(
        "--alias", "moved_aliases", multiple=True, type=ALIAS, help="Make this alias name the version (repeatable)."
    ),
    click.option("--aliases", is_flag=True, help="With the aliases of these versions; one that is taken stays."),
    click.option("--dry-run", is_flag=True, help="Say what would become of the versions, and change nothing."),
)


def copy_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `push` and `pull`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def other_store(settings: Settings, store: str) -> Settings:
    """Return the settings of another store than the user's.

    Raises:
        InvalidInputError: It is the same one.
    """
    other = Settings(store)
    if os.path.realpath(other.store_path) == os.path.realpath(settings.store_path):
        raise InvalidInputError(
            f"{other.store_path} is your store itself: name another one, or yours with --store or $ARTFS_STORE"
        )
    return other


def chosen_versions(store: Store, refs: Sequence[VersionRef | VersionRange], *, all_versions: bool) -> list[Version]:
    """Return the versions that references mean in the store that gives them; they are retained.

    Raises:
        InvalidInputError: There is no reference.
        NotFoundError: There is no such version.
    """
    if not refs:
        raise InvalidInputError("give a version and a store, as in `artfs push animals:v3 /nfs/team/artifacts`")
    with store.catalog.view() as view:
        found = view.resolve_all(refs)
        if all_versions:
            found = [each for serial in {one.artifact for one in found} for each in view.versions(serial)]
    for version in found:
        store.retain(version)
    return found
