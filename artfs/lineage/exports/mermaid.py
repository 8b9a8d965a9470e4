"""Mermaid export of the graph (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from artfs.catalog import EdgeKind
from artfs.lineage.graph import RunNode, describe_node, edge_ends, edge_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.catalog import View
    from artfs.lineage.graph import Step

__all__ = ["mermaid_lines"]

_SPECIAL: Final = re.compile(r"[^\w \-.,:()\[\]/]")
"""Written as entities: quotes end a text, `#` begins an entity, and texts are read as Markdown and HTML."""


def mermaid_lines(view: View, steps: Iterable[Step]) -> Iterator[str]:
    """Yield the lines of a flowchart of the nodes and edges of a walk."""
    yield "flowchart LR"
    for step in steps:
        if step.new:
            node = describe_node(view, step.node)
            text = _quoted(node.label)
            yield f"  {node.id}([{text}])" if isinstance(node, RunNode) else f"  {node.id}[{text}]"
        if step.edge is not None:
            start, end = edge_ends(step.edge)
            what = "used" if step.edge.kind == EdgeKind.USED else "logged"
            yield f"  {start} -->|{_quoted(f'{what} ({edge_text(step.edge)})')}| {end}"


def _quoted(text: str) -> str:
    return '"' + _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text) + '"'
