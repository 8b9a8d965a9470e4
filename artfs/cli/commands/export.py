"""`artfs export`: write versions into one file, for another store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.failure import terminable
from artfs.cli.render.output import finish, json_option, on_terminal, print_document, print_result, shown, write
from artfs.cli.render.progress import progress_bar
from artfs.cli.settings import Settings
from artfs.documents.document import json_text
from artfs.errors import InvalidInputError
from artfs.names import VersionRef, quoted

if TYPE_CHECKING:
    from artfs.catalog import Version
    from artfs.store import Store

__all__ = ["command"]

_SUFFIX = ".artfs"


@artfs_command(
    "export",
    examples=(
        "artfs export animals:v3 animals.artfs",
        "artfs export animals detector:best both.artfs --aliases",
        "artfs export animals:latest more.artfs --since animals:v3",
        "artfs export animals - | ssh host artfs import -",
    ),
)
@click.argument("refs", nargs=-1, metavar="REF...", type=REF)
@click.argument("file", metavar="FILE", type=click.Path(readable=False))
@click.option("--since", multiple=True, type=REF, help="Leave out what this version has; it is there already.")
@click.option("--aliases", is_flag=True, help="With the aliases of these versions.")
@click.option("--all-versions", is_flag=True, help="All versions of the artifacts of the REFs.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@json_option
@click.pass_obj
def command(
    settings: Settings,
    refs: tuple[VersionRef, ...],
    file: str,
    since: tuple[VersionRef, ...],
    aliases: bool,
    all_versions: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write versions into one file, for another store.

    With contents, metadata, and the runs that made and used them. `artfs import` takes it there, and what the other
    store has is not stored twice. FILE ends in .artfs, or is - for standard output. It has its name when it is whole.
    """
    from artfs.documents.bundles import exported_document
    from artfs.transfer import bundle_file, export_bundle

    to_output = file == "-"
    _check_target(refs, file, as_json=as_json)
    left = "the file has its name only when it is whole: the same command begins again"
    with terminable(left), settings.open_store() as store, progress_bar("exporting") as progress:
        versions = _versions(store, refs, all_versions=all_versions)
        known = [store.version(ref) for ref in since]
        if to_output:
            exported = export_bundle(store, versions, write, since=known, aliases=aliases, progress=progress)
            finish()
            return
        with bundle_file(file, overwrite=force) as target:
            exported = export_bundle(store, versions, target.write, since=known, aliases=aliases, progress=progress)
    if as_json:
        print_document({**json_text("path", os.fsencode(file)), **exported_document(exported)})
    else:
        print_result(shown(os.fsencode(file)), f"{quoted(file)} is written")


def _check_target(refs: Sequence[VersionRef], file: str, *, as_json: bool) -> None:
    example = f"`artfs export {refs[0] if refs else file} a{_SUFFIX}`"
    if not refs:
        raise InvalidInputError(f"give versions and the file to write, as in {example}")
    if file == "-":
        if as_json:
            raise InvalidInputError("--json and - both mean standard output: write to a file, or leave --json out")
        if on_terminal():
            raise InvalidInputError(f"standard output is a terminal: redirect it, or name a file, as in {example}")
    elif "/" not in file and not file.endswith(_SUFFIX):
        raise InvalidInputError(
            f"the file to write comes last and ends in {_SUFFIX}, unlike {quoted(file)}, as in {example}; "
            "`./` before it means a file of any name"
        )


def _versions(store: Store, refs: Sequence[VersionRef], *, all_versions: bool) -> list[Version]:
    versions = [store.version(ref) for ref in refs]
    if not all_versions:
        return versions
    with store.catalog.view() as view:
        found = [each for serial in {v.artifact for v in versions} for each in view.versions(serial)]
    for version in found:
        store.retain(version)
    return found
