"""`artfs warm`: read a version into the page cache, and what it refers to into the cache on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_line, shown, size_text
from artfs.cli.render.progress import progress_bar
from artfs.cli.settings import Settings
from artfs.documents.document import json_text
from artfs.mountinfo import mounts_of
from artfs.names import VersionRef

__all__ = ["command"]


@artfs_command("warm", examples=("artfs warm animals", "artfs warm animals:v3 --json", "artfs warm animals --keep"))
@click.argument("ref", type=REF)
@click.option(
    "--keep/--no-keep",
    default=None,
    help="Hold what is fetched of references in the cache until --no-keep, whatever else needs room.",
)
@json_option
@click.pass_obj
def command(settings: Settings, ref: VersionRef, keep: bool | None, as_json: bool) -> None:
    """Read a version's files into the page cache.

    Through a mount of the store where there is one, so that the mount's next readers find everything in memory; else
    from the packs. What the version refers to in buckets and on web servers is fetched into the cache on the disk.
    """
    from artfs.cli.warming import warm_mounted, warm_references, warm_stored
    from artfs.store import root_entry

    with settings.open_store() as store, progress_bar("reading") as progress:
        version = store.version(ref)
        if progress is not None:
            progress.total(version.entries, version.size)
        top = _mounted_at(store.path, ref, version.name)
        entries = store.walk(root_entry(version))
        size = warm_stored(store, entries, progress) if top is None else warm_mounted(top, entries, progress)
        fetched = warm_references(store, store.walk(root_entry(version)), keep, progress)
    name = f"{ref.name}:{version.name}"
    if as_json:
        through = {"through": None} if top is None else json_text("through", os.fsencode(top))
        print_document({"ref": name, "bytes": size, "fetched": fetched, **through})
    else:
        where = "from the packs" if top is None else f"through {shown(os.fsencode(top))}"
        print_line(f"read {size_text(size)} of {name} {where}")
        if fetched:
            print_line(f"{size_text(fetched)} of its references are in the cache")


def _mounted_at(store: Path, ref: VersionRef, version: str) -> Path | None:
    """Find the version's directory in a served mount of the store that this user may read."""
    for mount in mounts_of(store):
        top = mount.mountpoint / ref.name / version
        if not mount.staging and mount.pid is not None and os.access(top, os.R_OK | os.X_OK):
            return top
    return None
