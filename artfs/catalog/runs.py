"""What each operation on runs does to the tables. As in `apply`, nothing that does not fit is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from artfs.catalog import tables
from artfs.catalog.schema import Edge, EdgeKind, Run, bearer_key, edge_key, order_key
from artfs.format.runs import RunEdited, RunFinished, RunLogged, RunOp, RunResumed, RunStarted, RunUsed

if TYPE_CHECKING:
    from artfs.catalog.tables import Txn

__all__ = ["MisfitError", "add_edge", "apply_run"]


class MisfitError(Exception):
    """An operation that no artfs would have written here."""


def apply_run(txn: Txn, op: RunOp) -> None:
    """Apply one operation.

    Raises:
        MisfitError: It does not fit the tables.
    """
    match op:
        case RunStarted():
            if tables.RUNS.get(txn, op.run.encode()) is not None:
                raise MisfitError(f"run {op.run} is there already")
            run = Run(op.run, op.fields, op.started_ns, op.user, op.host, op.pid, op.command, op.git)
            tables.ORDER.put(txn, order_key(run.started_ns, run.id), b"")
        case RunResumed():
            run = _run(txn, op.run)
            if run.state != op.previous:
                raise MisfitError(f"run {op.run} is {run.state}")
            run = msgspec.structs.replace(run, state="running", ended_ns=None)
        case RunEdited():
            run = msgspec.structs.replace(_run(txn, op.run), fields=op.fields)
        case RunFinished():
            run = _run(txn, op.run)
            if run.state != "running":
                raise MisfitError(f"run {op.run} is {run.state}")
            run = msgspec.structs.replace(run, state=op.state, ended_ns=op.ended_ns)
        case RunUsed():
            add_edge(txn, Edge(op.run, EdgeKind.USED, op.artifact, op.index, op.how, op.used_ns))
            return
        case RunLogged():
            add_edge(txn, Edge(op.run, EdgeKind.LOGGED, op.artifact, op.index, op.how, op.logged_ns))
            return
        case _:
            assert_never(op)
    tables.RUNS.put(txn, run.id.encode(), run)


def add_edge(txn: Txn, edge: Edge) -> None:
    """Note what a run did with a version that is there.

    Raises:
        MisfitError: There is no such run, or the edge is there already.
    """
    _run(txn, edge.run)
    key = edge_key(edge.run, edge.kind, edge.artifact, edge.index)
    if tables.EDGES.get(txn, key) is not None:
        raise MisfitError(f"what run {edge.run} did is said twice")
    tables.EDGES.put(txn, key, edge)
    tables.BEARERS.put(txn, bearer_key(edge.artifact, edge.index, edge.kind, edge.run), b"")


def _run(txn: Txn, run: str) -> Run:
    row = tables.RUNS.get(txn, run.encode())
    if row is None:
        raise MisfitError(f"run {run} is not there")
    return row
