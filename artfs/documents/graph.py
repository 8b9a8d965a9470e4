"""JSON objects of runs and of the lineage graph; keys as promised in docs/COMMANDS.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from artfs.catalog import EdgeKind, state_now
from artfs.documents.document import Document, iso_time, json_text
from artfs.lineage.graph import BOTH, VersionNode, describe_node, edge_ends, next_edges, node_id, other_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from artfs.catalog import Edge, Run, Version, View
    from artfs.lineage.graph import Key, Step

__all__ = [
    "edge_document",
    "graph_lines",
    "reached_documents",
    "run_document",
    "run_with_edges_document",
    "versions_of_run",
]


def graph_lines(view: View, starts: Sequence[Key], steps: Iterable[Step]) -> Iterator[str]:
    """Yield the lines of one document: nodes in the order of the walk, then edges, as data flows."""
    ids = ", ".join(f'"{node_id(start)}"' for start in starts)
    yield f'{{"start": "{node_id(starts[0])}", "starts": [{ids}], "nodes": ['
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
        start_id, end_id = edge_ends(edge)
        yield ("," if number else "") + _json({"from": start_id, "to": end_id, **edge_document(edge)})
    yield "]}"


def _node_document(view: View, key: Key) -> Document:
    node = describe_node(view, key)
    if isinstance(node, VersionNode):
        return {
            "id": node.id,
            "kind": "version",
            "ref": node.ref,
            "type": node.type,
            "deleted": node.deleted,
            "source": node.source,
            "links": list(node.links),
            **_referred_document(node),
        }
    fields = node.run.fields
    return {
        "id": node.id,
        "kind": "run",
        "run": node.run.id,
        "name": fields.name,
        "job_type": fields.job_type,
        "state": node.state,
    }


def reached_documents(view: View, versions: Iterable[Version]) -> Iterator[Document]:
    """Yield what a list of versions that a walk came to says of each."""
    for version in versions:
        artifact = view.artifact(version.artifact)
        yield {
            "ref": str(view.ref(version)),
            "type": "" if artifact is None else artifact.type,
            "deleted": version.deleted,
            "created": iso_time(version.created_ns),
            "logged_by": version.logged_by,
        }


def edge_document(edge: Edge) -> Document:
    """Return everything that the catalog has of an edge, but for its ends."""
    return {
        "what": "used" if edge.kind == EdgeKind.USED else "logged",
        "how": edge.how,
        "time": iso_time(edge.time_ns),
        "entries": edge.entries,
        "paths": [json_text("path", path) for path in edge.paths],
    }


def run_document(run: Run) -> Document:
    """Return everything that the catalog has of a run, but for its edges."""
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


def run_with_edges_document(view: View, run: Run) -> Document:
    """Return everything that the catalog has of a run, with what it used and logged."""
    document = run_document(run)
    document["edges"] = [
        {"ref": node.ref, "deleted": node.deleted, **_referred_document(node), **edge_document(edge)}
        for node, edge in versions_of_run(view, run)
    ]
    return document


def _referred_document(node: VersionNode) -> Document:
    """Return what a version refers to elsewhere under its key; nothing if there is none."""
    referred = node.referred
    if referred is None:
        return {}
    return {"references": {"count": referred.count, "complete": referred.complete, "uris": list(referred.uris)}}


def versions_of_run(view: View, run: Run) -> Iterator[tuple[VersionNode, Edge]]:
    """Yield the versions that a run used, then those that it logged."""
    for direction in BOTH:
        for edge in next_edges(view, run.id, direction):
            node = describe_node(view, other_end(edge, run.id))
            if isinstance(node, VersionNode):
                yield node, edge


def _json(document: Document) -> str:
    return msgspec.json.encode(document).decode()
