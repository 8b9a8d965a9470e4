"""Check the rows of runs and edges (docs/FORMAT.md, C12 and C13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from artfs.catalog.check.check_journal import Violation
from artfs.catalog.schema import Edge, EdgeKind, Run, Version, edge_by_version_key, edge_key, run_by_time_key

__all__ = ["RunRows"]


class RunRows:
    """The rows of runs, their order, and the edges by run and by version."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._by_time: set[bytes] = set()
        self._edges: dict[bytes, Edge] = {}
        self._by_version: set[bytes] = set()

    def add(self, table: str, key: bytes, row: object) -> bool:
        """Add a row, if it is of these tables; return True if it belongs under its key."""
        match row:
            case Run():
                self._runs[row.id] = row
                return key == row.id.encode()
            case Edge():
                self._edges[key] = row
                return key == edge_key(row.run, row.kind, row.artifact, row.index)
        if table == "order":
            self._by_time.add(key)
        elif table == "bearers":
            self._by_version.add(key)
        return True

    def check(self, versions: Mapping[tuple[int, int], Version]) -> Iterator[Violation]:
        """Yield each violation."""
        expected = {run_by_time_key(run.started_ns, run.id) for run in self._runs.values()}
        for key in sorted(expected ^ self._by_time):
            yield Violation("C12", f"run {_text(key[8:])} is listed and not there, or there and not listed")
        for run in self._runs.values():
            if (run.state == "running") != (run.ended_ns is None) or (
                run.state == "running" and run.exit_code is not None
            ):
                yield Violation("C12", f"run {run.id} is {run.state}, and its end does not fit")
        logged = {
            edge_key(version.logged_by, EdgeKind.LOGGED, version.artifact, version.index)
            for version in versions.values()
            if version.logged_by is not None
        }
        for edge in self._edges.values():
            if edge.run not in self._runs:
                yield Violation("C13", f"an edge is of run {edge.run}, which is not there")
            if (edge.artifact, edge.index) not in versions:
                yield Violation("C13", f"an edge of run {edge.run} leads to a version that is not there")
            if len(edge.paths) > edge.entries or (edge.kind == EdgeKind.LOGGED and edge.entries):
                yield Violation(
                    "C13",
                    f"an edge of run {edge.run} has {edge.entries} entries and {len(edge.paths)} paths",
                )
        for key in sorted(logged - self._edges.keys()):
            yield Violation("C13", f"run {_text(key[:8])} has logged a version, and there is no edge")
        ends = {edge_by_version_key(edge.artifact, edge.index, edge.kind, edge.run) for edge in self._edges.values()}
        for key in sorted(ends ^ self._by_version):
            yield Violation("C13", f"an edge of run {_text(key[17:])} is there from one end only")


def _text(run: bytes) -> str:
    return run.decode("ascii", "replace")
