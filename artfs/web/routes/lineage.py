"""The graph of runs and versions: all of it to be drawn, or what is around a version as `artfs lineage` has it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from artfs.catalog import EdgeKind, state_now
from artfs.documents.document import Document
from artfs.documents.lineage_forms import LINEAGE_FORMS, lineage_lines
from artfs.errors import InvalidInputError
from artfs.lineage import current_view
from artfs.lineage.graph import BOTH, Direction, version_key

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from artfs.catalog import Run, View
    from artfs.store.store import Store
    from artfs.web.query import Query

__all__ = ["graph", "lineage"]

_MILLISECOND = 1_000_000


def graph(store: Store, _query: Query) -> Document:
    """`api/graph`: the whole graph as rows, which a page of ten thousand nodes reads in a moment.

    An edge is a pair of places: the versions come first, then the runs. Deleted versions are there if they have edges.
    """
    with current_view(store) as view:
        found = list(view.runs())
        ends = [list(_ends(view, run)) for run in found]
        linked = {there for some in ends for there, _inwards in some}
        places: dict[tuple[int, int], int] = {}
        versions = list(_versions(view, linked, places))
    edges = []
    for here, some in enumerate(ends, len(versions)):
        edges += [(places[there], here) if inwards else (here, places[there]) for there, inwards in some]
    return {"versions": versions, "runs": [_run(run) for run in found], "edges": edges}


def _ends(view: View, run: Run) -> Iterator[tuple[tuple[int, int], bool]]:
    """Yield the versions of a run's edges, and whether the data flows into the run."""
    for kind in EdgeKind:
        for edge in view.edges_of_run(run.id, kind):
            yield (edge.artifact, edge.index), kind == EdgeKind.USED


def _versions(
    view: View, linked: Container[tuple[int, int]], places: dict[tuple[int, int], int]
) -> Iterator[list[Any]]:
    """Yield name, index, type, size, time, aliases and deletion of versions, and note their places."""
    for serial, versions in groupby(view.all_versions(), lambda version: version.artifact):
        artifact = view.artifact(serial)
        if artifact is None:
            continue
        aliases: dict[int, list[str]] = {}
        for alias in view.aliases(serial):
            aliases.setdefault(alias.index, []).append(alias.name)
        for version in versions:
            key = serial, version.index
            if not version.deleted or key in linked:
                places[key] = len(places)
                created, names = version.created_ns // _MILLISECOND, aliases.get(version.index, [])
                yield [artifact.name, version.index, artifact.type, version.size, created, names, version.deleted]


def _run(run: Run) -> list[Any]:
    return [run.id, run.fields.name, run.fields.job_type, state_now(run), run.started_ns // _MILLISECOND]


def lineage(store: Store, query: Query) -> Response:
    """`api/lineage/REF?up=&down=&depth=&format=`: as the options of `artfs lineage`; by default JSON."""
    form = query.text("format") or "json"
    if form not in LINEAGE_FORMS:
        raise InvalidInputError(f"format is one of {', '.join(LINEAGE_FORMS)}")
    up, down = query.flag("up"), query.flag("down")
    ways = BOTH if up == down else (Direction.UP,) if up else (Direction.DOWN,)
    depth = query.number("depth", -1)
    with current_view(store) as view:
        starts = [version_key(view, view.resolve(query.ref()))]
        text = "\n".join(lineage_lines(view, form, starts, ways, None if depth < 0 else depth))
    return Response(text, media_type="application/json" if form == "json" else "text/plain; charset=utf-8")
