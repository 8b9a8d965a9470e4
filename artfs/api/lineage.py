"""The graph of runs and versions, seen from a version: what made it, what uses it, and so on in both directions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from artfs.catalog import EdgeKind, Version, View
from artfs.catalog import Run as Row
from artfs.errors import InvalidInputError
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
    return _reached(store, version, EdgeKind.LOGGED, EdgeKind.USED, depth)


def descendants(store: Store, version: Version, depth: int | None = None) -> list[Version]:
    """The versions that were made from one; see `ancestors`."""
    return _reached(store, version, EdgeKind.USED, EdgeKind.LOGGED, depth)


def _runs(store: Store, version: Version, kind: EdgeKind) -> list[Run]:
    with store.catalog.view() as view:
        rows = [view.run(edge.run) for edge in view.edges_of_version(version, kind)]
    return [_run(store, row) for row in rows if row is not None]


def _run(store: Store, row: Row) -> Run:
    from artfs.api.run import Run  # noqa: PLC0415 # runs log artifacts: that module needs the one that needs this

    return Run(store, row)


def _reached(
    store: Store, version: Version, to_run: EdgeKind, to_version: EdgeKind, depth: int | None
) -> list[Version]:
    if depth is not None and depth < 0:
        raise InvalidInputError(f"depth {depth} is negative: give the number of runs to follow, or None for all")
    seen = {version.serial: version}
    nearest: Iterable[Version] = [version]
    level = 0
    with store.catalog.view() as view:
        while nearest and (depth is None or level < depth):
            level += 1
            found = {near.serial: near for start in nearest for near in _next(view, start, to_run, to_version)}
            nearest = [near for serial, near in found.items() if serial not in seen]
            seen.update((near.serial, near) for near in nearest)
    return [reached for reached in list(seen.values())[1:] if not reached.deleted]


def _next(view: View, version: Version, to_run: EdgeKind, to_version: EdgeKind) -> list[Version]:
    edges = [edge for by in view.edges_of_version(version, to_run) for edge in view.edges_of_run(by.run, to_version)]
    versions = [view.version(edge.artifact, edge.index, deleted=True) for edge in edges]
    return [found for found in versions if found is not None]
