"""`artfs get`: write a version out as ordinary files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.failure import terminable
from artfs.cli.output import json_option, json_text, print_document, print_result, shown
from artfs.cli.progress import progress_bar
from artfs.cli.settings import Settings
from artfs.format.node import Entry, Kind
from artfs.names import EntryPath, VersionRef, parse_entry_path

if TYPE_CHECKING:
    from artfs.catalog import Version

__all__ = ["command"]


@artfs_command(
    "get",
    examples=(
        "artfs get animals",
        "artfs get animals:v3 /data/animals",
        "artfs get animals:best cats --path images/cats",
    ),
)
@click.argument("ref", type=REF)
@click.argument("dest", required=False, metavar="[DEST]", type=click.Path(readable=False))
@click.option("--path", "subpath", metavar="SUBPATH", help="Only this file, or what is in this directory.")
@click.option("--allow-escaping-links", is_flag=True, help="Write symlinks that are absolute or lead outside DEST too.")
@click.option(
    "--allow-missing-references", is_flag=True, help="Leave out references whose source is gone or cannot be read."
)
@json_option
@click.pass_obj
def command(
    settings: Settings,
    ref: VersionRef,
    dest: str | None,
    subpath: str | None,
    allow_escaping_links: bool,
    allow_missing_references: bool,
    as_json: bool,
) -> None:
    """Write a version's files into a directory.

    DEST is made if need be; by default it is artifacts/NAME:vN here. Files that are there with the right contents are
    kept, so an interrupted get goes on where it was. Other files in DEST stay. Prints where the files are.
    """
    from artfs.store.extract import extract

    path = parse_entry_path(subpath.strip("/")) if subpath and subpath.strip("/") else ()
    with terminable(), settings.open_store() as store, progress_bar("writing") as progress:
        version = settings.version_to_read(store, ref)
        entry = store.entry(version, path)
        target = _target(dest, ref, version, path, entry)
        done = extract(
            store,
            entry,
            target,
            allow_escaping_links=allow_escaping_links,
            allow_missing_references=allow_missing_references,
            progress=progress,
        )
    if as_json:
        print_document(
            {
                "ref": f"{ref.name}:{version.name}",
                **json_text("path", os.fsencode(target)),
                "files": done.files,
                "bytes": done.size,
                "kept": done.kept,
            }
        )
    else:
        print_result(shown(os.fsencode(target)), "all files are written")


def _target(dest: str | None, ref: VersionRef, version: Version, path: EntryPath, entry: Entry) -> Path:
    """Where the entry goes: a file into DEST where that is a directory, as `cp` has it."""
    if dest is None:
        return Path("artifacts", f"{ref.name}:{version.name}", *map(os.fsdecode, path))
    if entry.kind != Kind.DIRECTORY and (dest.endswith("/") or os.path.isdir(dest)):
        return Path(dest, os.fsdecode(entry.name))
    return Path(dest)
