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
            run = Run(
                op.run,
                op.fields,
                op.started_ns,
                op.user,
                op.host,
                op.pid,
                op.command,
                op.git,
                directory=op.directory,
                dirty=op.dirty,
                process=op.process,
            )
            tables.ORDER.put(txn, order_key(run.started_ns, run.id), b"")
        case RunResumed():
            run = _run(txn, op.run)
            if run.state != op.previous:
                raise MisfitError(f"run {op.run} is {run.state}")
            run = msgspec.structs.replace(run, state="running", ended_ns=None, exit_code=None, process=op.process)
        case RunEdited():
            run = msgspec.structs.replace(_run(txn, op.run), fields=op.fields)
        case RunFinished():
            run = _run(txn, op.run)
            if run.state != "running":
                raise MisfitError(f"run {op.run} is {run.state}")
            run = msgspec.structs.replace(run, state=op.state, ended_ns=op.ended_ns, exit_code=op.exit_code)
        case RunUsed():
            _use(txn, op)
            return
        case RunLogged():
            add_edge(txn, Edge(op.run, EdgeKind.LOGGED, op.artifact, op.index, op.how, op.logged_ns))
            return
        case _:
            assert_never(op)
    tables.RUNS.put(txn, run.id.encode(), run)


def _use(txn: Txn, op: RunUsed) -> None:
    """Note a use, or of one that is noted already that more entries were opened."""
    if len(op.paths) > op.entries:
        raise MisfitError(f"run {op.run} is said to have opened {op.entries} entries, and {len(op.paths)} are named")
    known = tables.EDGES.get(txn, edge_key(op.run, EdgeKind.USED, op.artifact, op.index))
    if known is None:
        add_edge(txn, Edge(op.run, EdgeKind.USED, op.artifact, op.index, op.how, op.used_ns, op.entries, op.paths))
        return
    if op.entries <= known.entries:
        raise MisfitError(f"what run {op.run} did is said twice")
    more = msgspec.structs.replace(known, entries=op.entries, paths=op.paths)
    tables.EDGES.put(txn, edge_key(op.run, EdgeKind.USED, op.artifact, op.index), more)


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
