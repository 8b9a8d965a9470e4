"""`artfs push`: copy versions into another store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import REF_OR_RANGE
from artfs.cli.command import command as artfs_command
from artfs.cli.copying import LEFT, chosen_versions, copy_options, other_store
from artfs.cli.failure import terminable
from artfs.cli.render.imported import print_imported
from artfs.cli.render.output import json_option, print_document
from artfs.cli.render.progress import progress_bar
from artfs.cli.settings import Settings

if TYPE_CHECKING:
    from artfs.names import VersionRange, VersionRef

__all__ = ["command"]


@artfs_command(
    "push",
    examples=(
        "artfs push animals:v3 ~/team",
        "artfs push detector:best ~/team --as detectors --alias production",
        "artfs push animals --all-versions --aliases ~/team",
    ),
)
@click.argument("refs", nargs=-1, metavar="REF...", type=REF_OR_RANGE)
@click.argument("other", metavar="STORE", type=click.Path(readable=False))
@copy_options
@json_option
@click.pass_obj
def command(
    settings: Settings,
    refs: Sequence[VersionRef | VersionRange],
    other: str,
    all_versions: bool,
    name: str | None,
    moved_aliases: Sequence[str],
    aliases: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Copy versions into another store, which is there.

    With contents, metadata, and the runs that made and used them. What STORE has already is neither read nor sent, so
    that a push that is repeated, or was cut off, sends what is missing. All versions are there at once or not at all.
    A version keeps its number where that is free there, else it gets the next one. Prints a line for each.
    """
    from artfs.catalog import current_actor
    from artfs.documents.bundles import imported_document
    from artfs.transfer import Wanted, copy_versions

    wanted = Wanted(aliases, moved_aliases, name)
    with terminable(LEFT), settings.open_store() as source:
        versions = chosen_versions(source, refs, all_versions=all_versions)
        with other_store(settings, other).open_store() as target, progress_bar("pushing") as progress:
            who = current_actor()
            copied = copy_versions(source, versions, target, who, wanted, dry_run=dry_run, progress=progress)
    if as_json:
        print_document({"dry_run": dry_run, **imported_document(copied)})
    else:
        print_imported(copied, dry_run=dry_run, pushed=True, move_with="--alias")
