"""`artfs get`: write a version as ordinary files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import PATH_REF, SUBPATH
from artfs.cli.command import command as artfs_command
from artfs.cli.failure import terminable
from artfs.cli.forgotten_colon import refuse_forgotten_colon
from artfs.cli.render.extracted import print_extracted
from artfs.cli.render.output import json_option
from artfs.cli.render.progress import progress_bar
from artfs.cli.settings import Settings
from artfs.cli.write_plan import note_overwritten, overwritten_document, print_write_plan, unsaved_error
from artfs.errors import InvalidInputError
from artfs.format.node import Entry, Kind
from artfs.names import EntryPath, PathRef, VersionRef, parse_entry_path, quoted

if TYPE_CHECKING:
    from artfs.catalog import Version

__all__ = ["command"]


@artfs_command(
    "get",
    examples=(
        "artfs get animals",
        "artfs get animals:v3 ~/animals",
        "artfs get animals:best/images/cats cats",
        "artfs get animals/images/cats/tom.png tom.png",
        "artfs get animals:v3 ~/animals --delete",
        "artfs get animals:v3 ~/animals --delete --dry-run",
    ),
)
@click.argument("ref", metavar="REF[/PATH]", type=PATH_REF)
@click.argument("dest", required=False, metavar="[DEST]", type=click.Path(readable=False))
@click.option(
    "--path", "subpath", metavar="SUBPATH", type=SUBPATH, help="As PATH: only this file, or what is in this directory."
)
@click.option("--delete", is_flag=True, help="Remove what is in DEST and not in the version; ignored files stay.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written, overwritten and removed.")
@click.option("--force", is_flag=True, help="Overwrite and remove also files whose contents no version has.")
@click.option("--allow-escaping-links", is_flag=True, help="Write symlinks that are absolute or lead outside DEST too.")
@click.option(
    "--allow-missing-references", is_flag=True, help="Leave out references whose source is gone or cannot be read."
)
@json_option
@click.pass_obj
def command(
    settings: Settings,
    ref: PathRef,
    dest: str | None,
    subpath: str | None,
    delete: bool,
    dry_run: bool,
    force: bool,
    allow_escaping_links: bool,
    allow_missing_references: bool,
    as_json: bool,
) -> None:
    """Write a version's files into a directory, or one file.

    DEST is made if need be; by default it is artifacts/NAME:vN/PATH here. Files that are there with the right contents
    are kept, so an interrupted get goes on where it was. Other files in DEST stay, unless --delete makes DEST equal to
    the version: what was removed is named on stderr, and what `.artfsignore` names, there or in the version, is left
    alone. A file that has the contents of another version is overwritten or removed; if one has contents that no
    version of the artifact has at that path, it is named and nothing is written or removed, unless with --force.
    --dry-run shows all of it and changes nothing. Prints where the files are.

    PATH, or SUBPATH, is a directory, whose contents go into DEST, or a file: DEST is then the file to write, or a
    directory that is there, into which it goes under its name. It may go through symlinks inside the version; of one
    that it ends with, what it leads to is written.
    """
    from artfs.store.read.extract import extract
    from artfs.store.read.local_copy import prune
    from artfs.store.read.symlinks import entry_to_copy
    from artfs.store.read.unsaved import KnownContents, unsaved_files

    left = "what was written is whole: the same command goes on with the rest"
    with terminable(left), settings.open_store() as store, progress_bar("writing") as progress:
        located = settings.locate(store, ref)
        version_ref, path = _version_and_path(located, subpath)
        if dest is not None and not located[1] and not os.path.lexists(dest):
            otherwise = f"to write into a directory of that name, give it as ./{dest}"
            refuse_forgotten_colon(store, version_ref, dest, "artfs get", otherwise)
        version = settings.version_to_read(store, version_ref)
        entry = entry_to_copy(store, version, path)
        target = _target(dest, version_ref, version, path, entry)
        named = f"{version_ref.name}:{version.name}"
        if delete and entry.kind != Kind.DIRECTORY:
            raise InvalidInputError(f"{quoted(b'/'.join(path))} is no directory: --delete is for one")
        known = KnownContents(store, version, path)
        unsaved = unsaved_files(store, entry, target, known, delete=delete)
        if dry_run:
            print_write_plan(store, named, entry, target, unsaved.paths, delete=delete, as_json=as_json)
            return
        if unsaved.paths and not force:
            raise unsaved_error(version_ref.name, target, unsaved)
        removed = prune(store, entry, target) if delete else None
        done = extract(
            store,
            entry,
            target,
            path=b"/".join(path),
            allow_escaping_links=allow_escaping_links,
            allow_missing_references=allow_missing_references,
            may_overwrite=None if force else known.has,
            progress=progress,
        )
    note_overwritten(version_ref.name, target, unsaved.overwritten)
    print_extracted(named, target, done, removed, as_json=as_json, more=overwritten_document(unsaved.overwritten))


def _version_and_path(ref: tuple[VersionRef, EntryPath], subpath: str | None) -> tuple[VersionRef, EntryPath]:
    """Say what is to be written: the path is behind the reference, or in an option.

    Raises:
        InvalidInputError: It is given in both places.
    """
    version, path = ref
    if subpath is None or not subpath.strip("/"):
        return ref
    if path:
        text = b"/".join(path)
        raise InvalidInputError(
            f"a path is given twice, {quoted(text)} behind {version} and {quoted(subpath)} with --path: give one"
        )
    return version, parse_entry_path(subpath.strip("/"))


def _target(dest: str | None, ref: VersionRef, version: Version, path: EntryPath, entry: Entry) -> Path:
    """Choose the path to write to: a file goes into DEST if that is a directory, as with `cp`."""
    if dest is None:
        return Path("artifacts", f"{ref.name}:{version.name}", *map(os.fsdecode, path))
    if entry.kind != Kind.DIRECTORY and (dest.endswith("/") or os.path.isdir(dest)):
        return Path(dest, os.fsdecode(path[-1]))
    return Path(dest)
