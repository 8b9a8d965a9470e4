"""`artfs du`: the space that versions take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import SELECTION
from artfs.cli.command import command as artfs_command
from artfs.cli.render.output import json_option, print_document, print_line, print_table, size_text
from artfs.cli.settings import Settings
from artfs.documents.document import Document
from artfs.documents.stores import artifacts_space_document
from artfs.names import ArtifactPattern, VersionRange, VersionRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artfs.catalog import Version
    from artfs.store import Store
    from artfs.store.usage import StoreUsage, VersionUsage

__all__ = ["command"]


@artfs_command(
    "du",
    examples=(
        "artfs du --sort",
        "artfs du animals",
        "artfs du animals:v0 animals:latest",
        "artfs du --total animals:v0-v7",
        "artfs du --artifacts --sort",
    ),
)
@click.argument("refs", nargs=-1, metavar="[REF...]", type=SELECTION)
@click.option(
    "--sort", is_flag=True, help="Those with the most bytes of their own first, then those that store the most."
)
@click.option("--total", "with_total", is_flag=True, help="All of them as one: OWN comes back if all are deleted.")
@click.option("--artifacts", is_flag=True, help="A line for each artifact: OWN comes back if all of it is deleted.")
@json_option
@click.pass_obj
def command(
    settings: Settings,
    refs: tuple[VersionRef | VersionRange | ArtifactPattern, ...],
    sort: bool,
    with_total: bool,
    artifacts: bool,
    as_json: bool,
) -> None:
    """Show the space that versions take.

    A REF is NAME:v3, the range NAME:v0-v7, or NAME alone or a pattern of names, as 'an*', for all versions, with their
    TOTAL. Without one, that of all versions, and of the store.

    SIZE is what the files have, STORED what their chunks take in the store, each once. Of STORED, OWN is what only
    this version has and would come back with it, and SHARED what others have too. What several versions share and
    nothing else has is nobody's OWN: --total counts it. Of SIZE, ELSEWHERE is what references are to, which the store
    does not have; the column is there if any are.
    """
    from artfs.store.usage import totals, usage

    if artifacts:
        if refs or with_total:
            raise click.UsageError("--artifacts shows all artifacts: leave REF and --total out")
        _print_artifacts(settings, sort=sort, as_json=as_json)
        return
    with_total = with_total or any(isinstance(ref, ArtifactPattern) for ref in refs)
    with settings.open_store() as store:
        with store.catalog.view() as view:
            if refs:
                versions = view.resolve_all(refs)
            else:
                versions = [v for artifact in view.artifacts() for v in view.versions(artifact.serial)]
        measured = [(_ref(store, row), row) for row in usage(store, versions)]
        together = _together(store, versions) if with_total else None
        total = None if refs else totals(store)
    if sort:
        measured.sort(key=lambda found: (-found[1].own, -found[1].stored))
    if as_json:
        print_document(_document(measured, together, total))
        return
    elsewhere = sum(row.elsewhere for _ref, row in measured)
    rows = [((ref,), row.size, row.stored, row.own, row.elsewhere) for ref, row in measured]
    if together is not None:
        rows.append((("TOTAL",), *together, elsewhere))
    _print_sizes(("VERSION",), rows)
    if total is not None:
        print_line(
            f"\n{size_text(total.size)} in all versions, {size_text(total.stored)} stored, "
            f"{size_text(total.packs)} of packs on disk" + (f", {size_text(elsewhere)} elsewhere" if elsewhere else "")
        )
        if together is None and any(row.shared for _ref, row in measured):
            print_line(
                "what versions share is nobody's OWN: `artfs du NAME` adds up an artifact, `artfs du --artifacts` each"
            )


def _print_artifacts(settings: Settings, *, sort: bool, as_json: bool) -> None:
    from artfs.store.usage import artifact_usage

    with settings.open_store() as store:
        measured = artifact_usage(store)
    if sort:
        measured.sort(key=lambda one: (-one.own, -one.stored))
    if as_json:
        print_document(artifacts_space_document(measured))
        return
    _print_sizes(
        ("ARTIFACT", "VERSIONS"),
        [((one.artifact.name, f"{one.versions:,}"), one.size, one.stored, one.own, one.elsewhere) for one in measured],
    )


def _together(store: Store, versions: Sequence[Version]) -> tuple[int, int, int]:
    """Return bytes of the files of versions, of all their chunks, and of those that come back if all are deleted."""
    from artfs.drafts.gc_roots import reclaimable_of_store
    from artfs.store.usage import stored_bytes

    size = sum(version.size for version in versions)
    return size, stored_bytes(store, versions), reclaimable_of_store(store, versions)


def _print_sizes(first: tuple[str, ...], rows: Sequence[tuple[tuple[str, ...], int, int, int, int]]) -> None:
    """Print a table of what has which size: all of it, stored, its own, and elsewhere, if any row has that."""
    header = (*first, "SIZE", "STORED", "OWN", "SHARED", "ELSEWHERE")
    cells = [
        (*what, *map(size_text, (size, stored, own, stored - own, elsewhere)))
        for what, size, stored, own, elsewhere in rows
    ]
    if not any(elsewhere for *_others, elsewhere in rows):
        header, cells = header[:-1], [row[:-1] for row in cells]
    print_table(header, cells, right=range(1, len(header)))


def _ref(store: Store, row: VersionUsage) -> str:
    with store.catalog.view() as view:
        return str(view.ref(row.version))


def _document(
    measured: list[tuple[str, VersionUsage]], together: tuple[int, int, int] | None, total: StoreUsage | None
) -> Document:
    elsewhere = sum(row.elsewhere for _ref, row in measured)
    document: Document = {
        "versions": [
            {
                "ref": ref,
                "size": row.size,
                "stored": row.stored,
                "own": row.own,
                "shared": row.shared,
                "elsewhere": row.elsewhere,
            }
            for ref, row in measured
        ]
    }
    if together is not None:
        size, stored, own = together
        document["together"] = {
            "size": size,
            "stored": stored,
            "own": own,
            "shared": stored - own,
            "elsewhere": elsewhere,
        }
    if total is not None:
        document["total"] = {
            "size": total.size,
            "stored": total.stored,
            "packs": total.packs,
            "elsewhere": elsewhere,
        }
    return document
