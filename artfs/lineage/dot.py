"""The graph in the language of Graphviz (https://graphviz.org/doc/info/lang.html), edges as data flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.catalog import EdgeKind
from artfs.lineage.graph import RunNode, ends, look, said
from artfs.lineage.labels import label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.catalog import View
    from artfs.lineage.graph import Step

__all__ = ["dot_lines"]


def dot_lines(view: View, steps: Iterable[Step]) -> Iterator[str]:
    """Yield the lines of a digraph of what a walk meets."""
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    for step in steps:
        if step.new:
            node = look(view, step.node)
            shape = "ellipse" if isinstance(node, RunNode) else "box"
            yield f"  {_quoted(node.id)} [label={_quoted(label(node))}, shape={shape}];"
        if step.edge is not None:
            start, end = map(_quoted, ends(step.edge))
            what = "used" if step.edge.kind == EdgeKind.USED else "logged"
            yield f"  {start} -> {end} [label={_quoted(f'{what} ({said(step.edge)})')}];"
    yield "}"


def _quoted(text: str) -> str:
    """Quote an ID; in a label a backslash would begin an escape."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
