"""`artfs gc`: give back the space of what was deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.output import Document, json_option, print_document, print_line
from artfs.cli.settings import Settings
from artfs.cli.text import size_text

if TYPE_CHECKING:
    from artfs.store.gc import Freed

__all__ = ["command"]


@artfs_command("gc", examples=("artfs gc --dry-run", "artfs gc", "artfs gc --wait 600"))
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would go.")
@click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=60,
    metavar="SECONDS",
    help="How long to wait for writers that began before (default 60).",
)
@json_option
@click.pass_obj
def command(settings: Settings, dry_run: bool, wait: int, as_json: bool) -> None:
    """Give back the space of deleted and expired versions.

    What was deleted cannot be brought back afterwards. A version whose time to live is over goes too, unless it bears
    an alias other than latest. Mounts, writers and readers may go on meanwhile: what an open draft holds is kept, and a
    file of a deleted version that somebody has open until the gc after it is closed.
    """
    from artfs.catalog import current_actor
    from artfs.vfs.gc import collect_store

    with settings.open_store() as store:
        freed = collect_store(store, current_actor(), dry_run=dry_run, patience=wait)
    if as_json:
        print_document(_document(freed, dry_run))
        return
    for version in freed.versions:
        why = " (expired)" if version.expired else ""
        print_line(f"{'would remove' if dry_run else 'removed'} {version.ref}{why}")
    verb = "would free about" if dry_run else "freed"
    print_line(f"{verb} {size_text(max(0, freed.size))} in {freed.packs:,} packs")


def _document(freed: Freed, dry_run: bool) -> Document:
    return {
        "dry_run": dry_run,
        "removed": [version.ref for version in freed.versions],
        "expired": [version.ref for version in freed.versions if version.expired],
        "packs": freed.packs,
        "freed": freed.size,
    }
