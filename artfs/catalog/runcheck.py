"""Whether the rows of runs and edges keep their invariants (docs/FORMAT.md, C12 and C13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from artfs.catalog.schema import Edge, EdgeKind, Run, Version, bearer_key, edge_key, order_key

__all__ = ["RunRows"]


class RunRows:
    """The rows of runs, their order, and the edges from both ends."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._order: set[bytes] = set()
        self._edges: dict[bytes, Edge] = {}
        self._bearers: set[bytes] = set()

    def take(self, table: str, key: bytes, row: object) -> bool:
        """Keep a row, if it is of these tables; whether it belongs under its key."""
        match row:
            case Run():
                self._runs[row.id] = row
                return key == row.id.encode()
            case Edge():
                self._edges[key] = row
                return key == edge_key(row.run, row.kind, row.artifact, row.index)
        if table == "order":
            self._order.add(key)
        elif table == "bearers":
            self._bearers.add(key)
        return True

    def check(self, versions: Mapping[tuple[int, int], Version]) -> Iterator[tuple[str, str]]:
        """Yield each violation: the invariant, and what is wrong."""
        expected = {order_key(run.started_ns, run.id) for run in self._runs.values()}
        for key in sorted(expected ^ self._order):
            yield "C12", f"run {_text(key[8:])} is listed and not there, or there and not listed"
        for run in self._runs.values():
            if (run.state == "running") != (run.ended_ns is None) or (
                run.state == "running" and run.exit_code is not None
            ):
                yield "C12", f"run {run.id} is {run.state}, and what is said of its end does not fit"
        logged = {
            edge_key(version.logged_by, EdgeKind.LOGGED, version.artifact, version.index)
            for version in versions.values()
            if version.logged_by is not None
        }
        for edge in self._edges.values():
            if edge.run not in self._runs:
                yield "C13", f"run {edge.run}, which is not there, is said to have used or logged a version"
            if (edge.artifact, edge.index) not in versions:
                yield "C13", f"run {edge.run} is said to have used or logged a version that is not there"
            if len(edge.paths) > edge.entries or (edge.kind == EdgeKind.LOGGED and edge.entries):
                yield (
                    "C13",
                    f"run {edge.run} is said to have opened {edge.entries} entries and {len(edge.paths)} are named",
                )
        for key in sorted(logged - self._edges.keys()):
            yield "C13", f"run {_text(key[:8])} has logged a version, and is not said to have"
        ends = {bearer_key(edge.artifact, edge.index, edge.kind, edge.run) for edge in self._edges.values()}
        for key in sorted(ends ^ self._bearers):
            yield "C13", f"what run {_text(key[17:])} did is known from one end only"


def _text(run: bytes) -> str:
    return run.decode("ascii", "replace")
