"""The graph of runs and versions, and runs, as objects of JSON documents; the keys are a promise (docs/COMMANDS.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from artfs.catalog import EdgeKind, state_now
from artfs.cli.output import Document, json_text
from artfs.cli.text import iso_time
from artfs.lineage.graph import VersionNode, ends, look, node_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.catalog import Edge, Run, View
    from artfs.lineage.graph import Key, Step

__all__ = ["edge_document", "graph_lines", "run_document"]


def graph_lines(view: View, start: Key, steps: Iterable[Step]) -> Iterator[str]:
    """Yield the lines of one document: nodes as they are met, then the edges between them, as data flows."""
    yield f'{{"start": "{node_id(start)}", "nodes": ['
    edges: list[Edge] = []
    separator = ""
    for step in steps:
        if step.new:
            yield separator + _json(_node_document(view, step.node))
            separator = ","
        if step.edge is not None:
            edges.append(step.edge)
    yield '], "edges": ['
    for number, edge in enumerate(edges):
        start_id, end_id = ends(edge)
        yield ("," if number else "") + _json({"from": start_id, "to": end_id, **edge_document(edge)})
    yield "]}"


def _node_document(view: View, key: Key) -> Document:
    node = look(view, key)
    if isinstance(node, VersionNode):
        return {"id": node.id, "kind": "version", "ref": node.ref, "type": node.type, "deleted": node.deleted}
    fields = node.run.fields
    return {
        "id": node.id,
        "kind": "run",
        "run": node.run.id,
        "name": fields.name,
        "job_type": fields.job_type,
        "state": node.state,
    }


def edge_document(edge: Edge) -> Document:
    """What is known of an edge, but for its ends."""
    return {
        "what": "used" if edge.kind == EdgeKind.USED else "logged",
        "how": edge.how,
        "time": iso_time(edge.time_ns),
        "entries": edge.entries,
        "paths": [json_text("path", path) for path in edge.paths],
    }


def run_document(run: Run) -> Document:
    """All that the catalog says of a run, but for its edges."""
    return {
        "id": run.id,
        "name": run.fields.name,
        "job_type": run.fields.job_type,
        "state": state_now(run),
        "exit_code": run.exit_code,
        "started": iso_time(run.started_ns),
        "ended": None if run.ended_ns is None else iso_time(run.ended_ns),
        "user": run.user,
        "host": run.host,
        "pid": run.pid,
        "command": list(run.command),
        "directory": run.directory,
        "commit": run.git,
        "dirty": run.dirty,
        "config": msgspec.Raw(run.fields.config),
        "summary": msgspec.Raw(run.fields.summary),
    }


def _json(document: Document) -> str:
    return msgspec.json.encode(document).decode()
