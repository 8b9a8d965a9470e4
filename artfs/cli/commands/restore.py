"""`artfs restore`: make an earlier version the newest again, or take some of it into a draft."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import click

from artfs.cli.arguments import ALIAS, REF, SUBPATH, TEXT
from artfs.cli.command import command as artfs_command
from artfs.cli.failure import terminable
from artfs.cli.render.extracted import print_extracted
from artfs.cli.render.output import json_option, print_document, print_note, print_result
from artfs.cli.render.progress import progress_bar
from artfs.cli.same_contents import same_version_before
from artfs.cli.settings import Settings
from artfs.documents.artifacts import version_document
from artfs.errors import MountError, NotFoundError, StorageError, UnsafeTargetError
from artfs.names import Alias, EntryPath, VersionRef, parse_entry_path, quoted

__all__ = ["command"]


@artfs_command(
    "restore",
    examples=(
        "artfs restore animals:v3",
        "artfs restore animals:v3 -m 'before the wrong labels' -a best",
        "artfs restore animals:v3 --path images/cats",
        "artfs restore animals:v3 --path labels.csv --to ~/stage/animals",
    ),
)
@click.argument("ref", type=REF)
@click.option(
    "-m",
    "--description",
    "--message",
    "description",
    type=TEXT,
    help="Describe the new version. Default: the old one's description.",
)
@click.option("-a", "--alias", "aliases", multiple=True, type=ALIAS, help="An alias for the new version (repeatable).")
@click.option(
    "--path", "subpath", metavar="SUBPATH", type=SUBPATH, help="Only this file or directory, into an open draft."
)
@click.option(
    "--to",
    "draft",
    metavar="DRAFT",
    type=click.Path(readable=False),
    help="With --path: the draft's directory. Default: the draft that is called NAME.",
)
@json_option
@click.pass_obj
def command(
    settings: Settings,
    ref: VersionRef,
    description: str | None,
    aliases: tuple[Alias, ...],
    subpath: str | None,
    draft: str | None,
    as_json: bool,
) -> None:
    """Make the next version with the contents of an earlier one.

    Nothing is copied, and the versions of the artifact that came between stay. Metadata, tags and time to live are
    those of the earlier version, which the new one names as where its contents are from. Prints the new version as
    NAME:vN, and says if the newest had these contents already: one is made all the same.

    With --path no version is made: in the open draft SUBPATH becomes what it is in the version, and what the version
    does not have in it is removed. A SUBPATH that the version does not have is an error, and the draft stays as it is.
    Commit the draft then.
    """
    if subpath is None:
        if draft is not None:
            raise click.UsageError("--to is for --path: say what to take into the draft")
        _restore_version(settings, ref, description, aliases, as_json)
        return
    if description is not None or aliases:
        raise click.UsageError("--path makes no version: give description and aliases to `artfs commit`")
    _restore_path(settings, ref, parse_entry_path(subpath.strip("/")), draft, as_json)


def _restore_version(
    settings: Settings, ref: VersionRef, description: str | None, aliases: tuple[Alias, ...], as_json: bool
) -> None:
    from artfs.catalog import current_actor

    with settings.open_store_of(ref.name) as store:
        made = store.catalog.restore(
            ref, current_actor(settings.run_in(store)), description=description, aliases=aliases
        )
        with store.catalog.view() as view:
            document = version_document(view, made)
            same_as = same_version_before(view, made)
    if as_json:
        print_document(document)
    else:
        print_result(document["ref"], f"{document['ref']} is made")
    if same_as is not None:
        print_note(f"{document['ref']} has the same contents as {same_as}, the newest version before: nothing changed")


def _restore_path(settings: Settings, ref: VersionRef, path: EntryPath, draft: str | None, as_json: bool) -> None:
    """Write an entry into a draft, and remove what it does not have."""
    from artfs.cli.control_client.control_directory import own_draft
    from artfs.format.node import Kind
    from artfs.store.read.extract import extract
    from artfs.store.read.local_copy import prune

    left = "what was written is whole: the same command goes on with the rest"
    with terminable(left), settings.open_store() as store, progress_bar("writing") as progress:
        version = settings.version_to_read(store, ref)
        top = own_draft(draft or _draft_called(settings, ref)).top
        target = Path(top, *map(os.fsdecode, path))
        try:
            entry = store.entry(version, path)
        except NotFoundError as error:
            if not os.path.lexists(target):
                raise
            command = f"rm -r {shlex.quote(os.fspath(target))}"
            raise NotFoundError(f"{error}; to have the draft without it too: `{command}`") from None
        _refuse_symlinks(Path(top), target.parent)
        whole = b"/".join(path)
        _make_way(target, is_directory=entry.kind == Kind.DIRECTORY)
        removed = prune(store, entry, target) if entry.kind == Kind.DIRECTORY else []
        done = extract(store, entry, target, path=whole, allow_escaping_links=True, progress=progress)
    print_extracted(f"{ref.name}:{version.name}", target, done, removed, as_json=as_json)


def _draft_called(settings: Settings, ref: VersionRef) -> str:
    from artfs.cli.control_client.mounted import staging_of

    try:
        draft = os.path.join(staging_of(settings.store_path).mountpoint, ref.name)
    except MountError as error:
        raise MountError(f"--path needs an open draft: {error}") from error
    if not os.path.isdir(draft):
        raise NotFoundError(
            f"no draft {ref.name} is open: `artfs stage {ref.name}` opens it, and --to names one of another name"
        )
    return draft


def _make_way(target: Path, *, is_directory: bool) -> None:
    """Remove what is of the other kind: a directory where a file is to be, or the other way round."""
    try:
        if target.is_symlink() or target.is_file():
            if is_directory:
                target.unlink()
        elif target.is_dir() and not is_directory:
            shutil.rmtree(target)
    except OSError as error:
        raise StorageError.of(error, f"removing {quoted(os.fspath(target))}") from error


def _refuse_symlinks(top: Path, directory: Path) -> None:
    """Refuse a directory of a draft to which a symlink leads: it may lead out of the draft."""
    while directory != top:
        if directory.is_symlink():
            raise UnsafeTargetError(f"{quoted(os.fspath(directory))} is a symlink: nothing is written through it")
        directory = directory.parent
