"""Graphviz export of the graph (https://graphviz.org/doc/info/lang.html), edges as data flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.catalog import EdgeKind
from artfs.lineage.graph import RunNode, describe_node, edge_ends, edge_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.catalog import View
    from artfs.lineage.graph import Step

__all__ = ["dot_lines"]


def dot_lines(view: View, steps: Iterable[Step]) -> Iterator[str]:
    """Yield the lines of a digraph of the nodes and edges of a walk."""
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    for step in steps:
        if step.new:
            node = describe_node(view, step.node)
            shape = "ellipse" if isinstance(node, RunNode) else "box"
            yield f"  {_quoted(node.id)} [label={_quoted(node.label)}, shape={shape}];"
        if step.edge is not None:
            start, end = map(_quoted, edge_ends(step.edge))
            what = "used" if step.edge.kind == EdgeKind.USED else "logged"
            yield f"  {start} -> {end} [label={_quoted(f'{what} ({edge_text(step.edge)})')}];"
    yield "}"


def _quoted(text: str) -> str:
    """Quote an ID. In a label a backslash would begin an escape."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
