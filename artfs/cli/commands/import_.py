"""`artfs import`: take the versions of a file that `artfs export` wrote."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.failure import terminable
from artfs.cli.render.imported import print_imported
from artfs.cli.render.output import json_option, print_document, print_line, print_table, size_text
from artfs.cli.render.progress import progress_bar
from artfs.cli.settings import Settings
from artfs.documents.document import local_time
from artfs.errors import InvalidInputError
from artfs.names import quoted

if TYPE_CHECKING:
    from artfs.store import Store
    from artfs.transfer import Bundle, Contents

__all__ = ["command"]

_HEADER = ("VERSION", "TYPE", "LOGGED", "SIZE", "ENTRIES", "ALIASES", "DESCRIPTION")
_BUFFER = 1 << 20


@artfs_command(
    "import",
    examples=(
        "artfs import animals.artfs",
        "artfs import animals.artfs --list",
        "artfs import animals.artfs --dry-run",
    ),
)
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
@click.option("--move-aliases", is_flag=True, help="Move aliases that name other versions here.")
@click.option("--dry-run", is_flag=True, help="Check all of FILE, and say what would become of it; no store is made.")
@click.option("--list", "list_only", is_flag=True, help="Only list what is in FILE; no store is needed.")
@json_option
@click.pass_obj
def command(settings: Settings, file: str, move_aliases: bool, dry_run: bool, list_only: bool, as_json: bool) -> None:
    """Take the versions of a file that `artfs export` wrote.

    FILE may be - for standard input. All of it is checked, and is there at once or not at all; an import that was cut
    off does not store again what came. A version keeps its number where that is free, else it gets the next one, and
    one that is here already is recognised. Prints a line for each.
    """
    from artfs.catalog import current_actor
    from artfs.documents.bundles import contents_document, imported_document
    from artfs.transfer import import_bundle, read_bundle

    if dry_run and list_only:
        raise InvalidInputError("--list reads no more than what is in FILE: give it or --dry-run")
    left = "versions come all at once or not at all: the same command goes on from what came"
    with terminable(left), _opened(file) as (source, name):
        bundle = read_bundle(source, name)
        if list_only:
            if as_json:
                print_document(contents_document(bundle.contents))
            else:
                _print_contents(bundle.contents)
            return
        with _store(settings, bundle, dry_run=dry_run) as store, progress_bar("importing") as progress:
            actor = current_actor(settings.run_in(store))
            imported = import_bundle(
                store, bundle, actor, move_aliases=move_aliases, dry_run=dry_run, progress=progress
            )
    if as_json:
        print_document({"dry_run": dry_run, **imported_document(imported)})
    else:
        print_imported(imported, dry_run=dry_run)


@contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, str]]:
    from artfs.transfer import open_bundle

    if file != "-":
        with open_bundle(file) as source:
            yield source, quoted(file)
        return
    if sys.stdin is None:
        raise InvalidInputError("there is no standard input: name a file")
    if sys.stdin.isatty():
        raise InvalidInputError("standard input is a terminal: redirect it, or name a file")
    with open(sys.stdin.fileno(), "rb", buffering=_BUFFER, closefd=False) as source:
        yield source, "standard input"


@contextmanager
def _store(settings: Settings, bundle: Bundle, *, dry_run: bool) -> Iterator[Store]:
    """Open the store, or make it; for a dry run a temporary one is as good as one that is not there yet."""
    if settings.has_store or (dry_run and settings.store_path.exists()):
        with settings.open_store() as store:
            yield store
        return
    bundle.refuse_without_store()
    if not dry_run:
        with settings.open_or_make_store() as store:
            yield store
        return
    from tempfile import TemporaryDirectory

    from artfs.store import open_store

    with TemporaryDirectory(prefix="artfs-") as scratch, open_store(f"{scratch}/store", create=True) as store:
        yield store


def _print_contents(contents: Contents) -> None:
    came = contents.incoming
    aliases = defaultdict[str, list[str]](list)
    for alias in came.aliases:
        aliases[f"{alias.artifact}:v{alias.index}"].append(alias.alias)
    rows = [
        (
            str(version.identity),
            came.artifacts[version.artifact].type,
            local_time(version.created_ns),
            size_text(version.tree.size),
            f"{version.tree.entries:,}",
            ",".join(aliases[str(version.identity)]),
            version.fields.description,
        )
        for version in came.versions
    ]
    print_table(_HEADER, rows, right=(3, 4))
    if contents.summary.since:
        print_line(f"for a store that has {', '.join(map(str, contents.summary.since))}")
