"""`artfs warm`: have a version in memory before it is read."""

from __future__ import annotations

import os
from pathlib import Path

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.mounted import mounts_of
from artfs.cli.output import json_option, json_text, print_document, print_line, shown
from artfs.cli.progress import progress_bar
from artfs.cli.settings import Settings
from artfs.cli.text import size_text
from artfs.names import VersionRef

__all__ = ["command"]


@artfs_command("warm", examples=("artfs warm animals", "artfs warm animals:v3 --json"))
@click.argument("ref", type=REF)
@json_option
@click.pass_obj
def command(settings: Settings, ref: VersionRef, as_json: bool) -> None:
    """Read a version's files into the page cache.

    Through a mount of the store where there is one, so that the mount's next readers find everything in memory; else
    from the packs.
    """
    from artfs.cli.warming import warm_files, warm_packs
    from artfs.store import root_entry

    with settings.open_store() as store, progress_bar("reading") as progress:
        version = store.version(ref)
        if progress is not None:
            progress.total(version.entries, version.size)
        top = _mounted_at(store.path, ref, version.name)
        entries = store.walk(root_entry(version))
        if top is not None:
            size = warm_files(top, entries, progress)
        else:
            size = warm_packs(store, (entry for _path, entry in entries), progress)
    name = f"{ref.name}:{version.name}"
    if as_json:
        through = {"through": None} if top is None else json_text("through", os.fsencode(top))
        print_document({"ref": name, "bytes": size, **through})
    else:
        where = "from the packs" if top is None else f"through {shown(os.fsencode(top))}"
        print_line(f"read {size_text(size)} of {name} {where}")


def _mounted_at(store: Path, ref: VersionRef, version: str) -> Path | None:
    """The version's directory in a mount of the store that is served, and that this user may read."""
    for mount in mounts_of(store):
        top = mount.mountpoint / ref.name / version
        if not mount.staging and mount.pid is not None and os.access(top, os.R_OK | os.X_OK):
            return top
    return None
