"""What a node of the graph is called, where people read it."""

from __future__ import annotations

from artfs.lineage.graph import RunNode, VersionNode
from artfs.names import printable

__all__ = ["label"]


def label(node: VersionNode | RunNode) -> str:
    """Return a node's name, and what is to be known of it, on one line."""
    if isinstance(node, VersionNode):
        return f"{node.ref} (deleted)" if node.deleted else node.ref
    fields = node.run.fields
    name = "" if fields.name in {"", node.run.id} else f" {printable(fields.name)}"
    job = f" [{printable(fields.job_type)}]" if fields.job_type else ""
    return f"run {node.run.id}{name}{job} {node.state}"
