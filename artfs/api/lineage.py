"""The graph of runs and versions, seen from a version: what made it, what uses it, and so on in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.catalog import EdgeKind, Version
from artfs.catalog import Run as Row
from artfs.lineage.crashes import note_crashes
from artfs.lineage.graph import Direction, start_of, walk
from artfs.store.store import Store

if TYPE_CHECKING:
    from artfs.api.run import Run

__all__ = ["ancestors", "descendants", "logged_by", "used_by"]


def logged_by(store: Store, version: Version) -> Run | None:
    """The run that made a version; None if it was logged outside of runs."""
    if version.logged_by is None:
        return None
    with store.catalog.view() as view:
        row = view.known_run(version.logged_by)
    return _run(store, row)


def used_by(store: Store, version: Version) -> list[Run]:
    """The runs that used a version, in the order of time."""
    note_crashes(store)
    return _runs(store, version, EdgeKind.USED)


def ancestors(store: Store, version: Version, depth: int | None = None) -> list[Version]:
    """The versions that one was made from, through the runs that used them and logged it; the nearest first.

    A deleted version is passed through, and not given.

    Args:
        store: Where it is.
        version: Where to begin; not among those given.
        depth: How many runs to go back; None: all.

    Raises:
        InvalidInputError: `depth` is negative.
    """
    return _reached(store, version, Direction.UP, depth)


def descendants(store: Store, version: Version, depth: int | None = None) -> list[Version]:
    """The versions that were made from one; see `ancestors`."""
    return _reached(store, version, Direction.DOWN, depth)


def _runs(store: Store, version: Version, kind: EdgeKind) -> list[Run]:
    with store.catalog.view() as view:
        rows = [view.run(edge.run) for edge in view.edges_of_version(version, kind)]
    return [_run(store, row) for row in rows if row is not None]


def _run(store: Store, row: Row) -> Run:
    from artfs.api.run import Run  # noqa: PLC0415 # runs log artifacts: that module needs the one that needs this

    return Run(store, row)


def _reached(store: Store, version: Version, direction: Direction, depth: int | None) -> list[Version]:
    note_crashes(store)
    start = start_of(version)
    with store.catalog.view() as view:
        nodes = [step.node for step in walk(view, start, [direction], depth) if step.new and step.edge is not None]
        reached = [view.version(*node) for node in nodes if isinstance(node, tuple)]
    return [version for version in reached if version is not None]
