"""The graph as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html), edges as data flows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from artfs.catalog import EdgeKind
from artfs.lineage.graph import RunNode, ends, look, said
from artfs.lineage.labels import label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.catalog import View
    from artfs.lineage.graph import Step

__all__ = ["mermaid_lines"]

_SPECIAL: Final = re.compile(r"[^\w \-.,:()\[\]/]")
"""What is written as an entity: quotes end a text, `#` begins an entity, and Markdown and HTML are read in texts."""


def mermaid_lines(view: View, steps: Iterable[Step]) -> Iterator[str]:
    """Yield the lines of a flowchart of what a walk meets."""
    yield "flowchart LR"
    for step in steps:
        if step.new:
            node = look(view, step.node)
            text = _quoted(label(node))
            yield f"  {node.id}([{text}])" if isinstance(node, RunNode) else f"  {node.id}[{text}]"
        if step.edge is not None:
            start, end = ends(step.edge)
            what = "used" if step.edge.kind == EdgeKind.USED else "logged"
            yield f"  {start} -->|{_quoted(f'{what} ({said(step.edge)})')}| {end}"


def _quoted(text: str) -> str:
    return '"' + _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text) + '"'
