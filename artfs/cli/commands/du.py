"""`artfs du`: the space that versions take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.output import Document, json_option, print_document, print_line, print_table
from artfs.cli.settings import Settings
from artfs.cli.text import size_text
from artfs.names import VersionRef

if TYPE_CHECKING:
    from artfs.store import Store
    from artfs.store.usage import Total, Usage

__all__ = ["command"]


@artfs_command("du", examples=("artfs du", "artfs du animals:v0 animals:v1", "artfs du --json"))
@click.argument("refs", nargs=-1, metavar="[REF...]", type=REF)
@json_option
@click.pass_obj
def command(settings: Settings, refs: tuple[VersionRef, ...], as_json: bool) -> None:
    """Show the space that versions take.

    Without a REF, that of all versions, and of the store.

    SIZE is what the files have, STORED what their chunks take in the store, each once. Of STORED, OWN is what only
    this version has and would come back with it, and SHARED what others have too.
    """
    from artfs.store.usage import totals, usage

    with settings.open_store() as store:
        with store.catalog.view() as view:
            if refs:
                versions = [view.resolve(ref) for ref in refs]
            else:
                versions = [v for artifact in view.artifacts() for v in view.versions(artifact.serial)]
        measured = [(_ref(store, row), row) for row in usage(store, versions)]
        total = None if refs else totals(store)
    if as_json:
        print_document(_document(measured, total))
        return
    rows = [(ref, *map(size_text, (row.size, row.stored, row.own, row.shared))) for ref, row in measured]
    print_table(("VERSION", "SIZE", "STORED", "OWN", "SHARED"), rows, right=(1, 2, 3, 4))
    if total is not None:
        print_line(
            f"\n{size_text(total.size)} in all versions, {size_text(total.stored)} stored, "
            f"{size_text(total.packs)} of packs on disk"
        )


def _ref(store: Store, row: Usage) -> str:
    with store.catalog.view() as view:
        return str(view.ref(row.version))


def _document(measured: list[tuple[str, Usage]], total: Total | None) -> Document:
    document: Document = {
        "versions": [
            {"ref": ref, "size": row.size, "stored": row.stored, "own": row.own, "shared": row.shared}
            for ref, row in measured
        ]
    }
    if total is not None:
        document["total"] = {"size": total.size, "stored": total.stored, "packs": total.packs}
    return document
