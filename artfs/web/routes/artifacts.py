"""Artifacts, their versions, and one version."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from artfs.catalog import EdgeKind
from artfs.documents.artifacts import artifact_document, version_document
from artfs.documents.document import Document, iso_time
from artfs.errors import NotFoundError
from artfs.lineage import current_view
from artfs.web.cursors import cursor, page_of, read_cursor
from artfs.web.query import url_path
from artfs.web.routes.usage import known_usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from artfs.catalog import Artifact, Edge, Version, View
    from artfs.store.store import Store
    from artfs.web.query import Query
    from artfs.web.site import Site

__all__ = ["artifact", "artifacts", "version"]

_NEWEST: Final = 1 << 62
_MOST_USES: Final = 1000


def artifacts(store: Store, query: Query) -> Document:
    """`api/artifacts`: those of a type, or with a text in their name, by name."""
    with store.catalog.view() as view:
        found = query.site.results.get("artifacts", view.state().seq, lambda: _all(store, view, query.site))
    after = read_cursor(query.text("after")).decode(errors="replace")
    wanted, kind = query.text("q").lower(), query.text("type")
    rows = (row for row in found if row["name"] > after and wanted in row["name"].lower() and kind in {"", row["type"]})
    page, following = page_of(rows, query.limit())
    return {"artifacts": page, "next": cursor(page[-1]["name"]) if following else None}


def _all(store: Store, view: View, site: Site) -> list[Document]:
    return [_artifact(store, view, found, site) for found in view.artifacts()]


def _artifact(store: Store, view: View, found: Artifact, site: Site) -> Document:
    document = artifact_document(view, found, site.totals.get(store.catalog, view, found.serial))
    latest = view.latest(found.serial)
    document["changed"] = None if latest is None else iso_time(latest.created_ns)
    return document


def artifact(store: Store, query: Query) -> Document:
    """`api/artifacts/NAME`: it, and its versions, the newest first, deleted ones too.

    What counts all versions comes with the first page alone.
    """
    after = read_cursor(query.text("after"))
    usage = known_usage(store, query.site)
    with current_view(store) as view:
        found = view.resolve_artifact(query.part("name"))
        before = _index(after)
        page, following = page_of(view.versions_before(found.serial, before), query.limit())
        document: Document = {
            "versions": [_version_row(view, row, usage) for row in page],
            "next": cursor(str(page[-1].index)) if following else None,
        }
        if not after:
            document["artifact"] = _artifact(store, view, found, query.site)
    return document


def _index(after: bytes) -> int:
    return int(after) if after.isdigit() and len(after) < 19 else _NEWEST


def _version_row(view: View, row: Version, usage: Mapping[int, Document]) -> Document:
    if row.deleted:
        ref = str(view.ref(row))
        return {"ref": ref, "version": row.name, "deleted": True, "created": iso_time(row.created_ns)}
    return {
        **version_document(view, row),
        **usage.get(row.serial, {}),
        "used_by": len(view.edges_of_version(row, EdgeKind.USED)),
    }


def version(store: Store, query: Query) -> Document:
    """`api/versions/REF`: it, the runs that made and used it, and the URL below which its bytes are."""
    ref, usage = query.ref(), known_usage(store, query.site)
    with current_view(store) as view:
        found = view.resolve(ref)
        name = str(view.ref(found))
        return {
            **version_document(view, found),
            **usage.get(found.serial, {}),
            "raw": f"raw/{query.site.capabilities.key(name)}/{url_path(name.encode())}",
            "made_by": _runs(view, view.edges_of_version(found, EdgeKind.LOGGED)),
            "used_by": _runs(view, view.edges_of_version(found, EdgeKind.USED)),
        }


def _runs(view: View, edges: Iterable[Edge]) -> list[Document]:
    """Return the newest runs of some edges, the newest first."""
    found = []
    for edge in islice(sorted(edges, key=lambda edge: edge.time_ns, reverse=True), _MOST_USES):
        run = view.run(edge.run)
        if run is None:
            raise NotFoundError(f"run {edge.run} does not exist")
        found.append({"id": run.id, "name": run.fields.name, "job_type": run.fields.job_type})
    return found
