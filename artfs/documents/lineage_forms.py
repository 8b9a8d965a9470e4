"""The forms in which lineage is written: for people, for programs that draw, and for those that read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from artfs.documents.graph import graph_lines
from artfs.lineage.exports.dot import dot_lines
from artfs.lineage.exports.mermaid import mermaid_lines
from artfs.lineage.exports.openlineage import run_events
from artfs.lineage.exports.tree import tree_lines
from artfs.lineage.graph import next_edges, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from artfs.catalog import View
    from artfs.lineage.graph import Direction, Key

__all__ = ["LINEAGE_FORMS", "lineage_lines"]

LINEAGE_FORMS: Final = ("tree", "dot", "mermaid", "json", "openlineage")
"""Lines of text, Graphviz, Mermaid, one JSON document, and an OpenLineage event a line."""


def lineage_lines(
    view: View, form: str, starts: Sequence[Key], ways: Sequence[Direction], depth: int | None
) -> Iterable[str]:
    """Write the graph around versions as text.

    Args:
        view: The catalog, which is read on the way.
        form: One of `LINEAGE_FORMS`.
        starts: The nodes to begin at, each once.
        ways: The ways to go.
        depth: Number of runs to follow each way; None: all.
    """
    if form == "tree":
        return _tree_lines(view, starts, ways, depth)
    steps = walk(view, starts, ways, depth)
    match form:
        case "dot":
            return dot_lines(view, steps)
        case "mermaid":
            return mermaid_lines(view, steps)
        case "json":
            return graph_lines(view, starts, steps)
        case _:
            return (json.dumps(event, ensure_ascii=False) for event in run_events(view, steps))


def _tree_lines(view: View, starts: Sequence[Key], ways: Sequence[Direction], depth: int | None) -> Iterator[str]:
    """Render trees; of several versions, those without an edge are only counted."""
    tops = [start for start in starts if len(starts) == 1 or any(next_edges(view, start, way) for way in ways)]
    yield from tree_lines(view, tops, ways, depth)
    if bare := len(starts) - len(tops):
        yield f"{bare:,} {'version' if bare == 1 else 'versions'} of which nothing of this is known"
