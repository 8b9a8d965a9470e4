"""Uses of runs that are not in the catalog yet, and a view of the catalog that has them.

While a run goes on, what it opens is in its directory alone; and a run whose process died is `running` in the catalog
until a process that writes anyway records the crash. `current_view` shows both as they are, and writes nothing.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

import msgspec

from artfs.catalog import Edge, EdgeKind, Run, Version, VersionUse, View, edge_after_use, state_now, uses_of_sources
from artfs.errors import IntegrityError, NotFoundError, StorageError
from artfs.format.runs import MAX_PATHS
from artfs.kv.checked_rows import Txn
from artfs.lineage.open_bitmap import OpenBitmap, read_open_bitmaps
from artfs.lineage.run_directories import RunDirectories
from artfs.store.store import Store

__all__ = ["current_uses", "current_view"]


def current_view(store: Store) -> View:
    """Begin a view that shows crashed runs, and uses that are only in run directories.

    A run directory that cannot be read is left out.
    """
    # The directories first: a run that is flushed and removed meanwhile is in the catalog then.
    uses: list[tuple[str, VersionUse]] = []
    for directory in RunDirectories(store.layout.runs).runs():
        with suppress(StorageError):
            uses += [(directory.id, use) for use in current_uses(store, directory.id)]
    txn = store.catalog.environment.begin_read()
    try:
        return _CurrentView(txn, uses)
    except BaseException:
        txn.abort()
        raise


def current_uses(store: Store, run: str) -> Iterator[VersionUse]:
    """Yield what a run has opened up to now, by version in the order of time.

    Args:
        store: The store.
        run: The run's id.

    Raises:
        InvalidInputError: The id breaks the rule.
        StorageError: The run's directory cannot be read.
    """
    directory = RunDirectories(store.layout.runs).run(run)
    try:
        found = read_open_bitmaps(directory.opened)
    except OSError as error:
        raise StorageError.of(error, f"reading what run {run} opened") from error
    for opened in found:
        with store.catalog.view() as view:
            version = view.by_serial(opened.serial)
        if isinstance(version, Version):
            opened.bits &= (2 << version.tree.entries) - 2  # drop positions that only damage can have set
            paths = tuple(_paths(store, version, opened))
            yield VersionUse(version.artifact, version.index, opened.first_ns, opened.count, paths)


def _paths(store: Store, version: Version, opened: OpenBitmap) -> Iterator[bytes]:
    """The first paths in the order of the tree; none of a version that is removed or damaged."""
    with suppress(NotFoundError, IntegrityError):
        for position in islice(opened.positions(), MAX_PATHS):
            trail = store.pages.trail(version.tree.root, position - 1)
            yield b"/".join(entry.name for entry in trail)


class _CurrentView(View):
    """A view of the catalog with current uses, and with crashed runs as crashed.

    Args:
        txn: The transaction to read the tables in.
        uses: Runs and their uses.
    """

    __slots__ = ("_by_run", "_by_version", "_now_ns")

    def __init__(self, txn: Txn, uses: Iterable[tuple[str, VersionUse]]) -> None:
        super().__init__(txn)
        self._now_ns = time.time_ns()
        self._by_run: defaultdict[str, list[Edge]] = defaultdict(list)
        self._by_version: defaultdict[tuple[int, int], list[Edge]] = defaultdict(list)
        found: defaultdict[str, list[VersionUse]] = defaultdict(list)
        for run, use in uses:
            found[run].append(use)
        for run, use in ((run, use) for run, some in found.items() for use in uses_of_sources(self, some)):
            version = self.version(use.artifact, use.index, deleted=True)
            if version is None or super().run(run) is None:
                continue
            edge = edge_after_use(super().edge(run, EdgeKind.USED, version), run, use)
            if edge is not None:
                self._by_run[run].append(edge)
                self._by_version[use.artifact, use.index].append(edge)

    def run(self, run: str) -> Run | None:
        found = super().run(run)
        return None if found is None else self._as_it_is(found)

    def runs(self, *, newest_first: bool = False) -> Iterator[Run]:
        return map(self._as_it_is, super().runs(newest_first=newest_first))

    def edges_of_run(self, run: str, kind: EdgeKind) -> list[Edge]:
        edges = super().edges_of_run(run, kind)
        return edges if kind != EdgeKind.USED else _merged(edges, self._by_run.get(run, ()))

    def edges_of_version(self, version: Version, kind: EdgeKind) -> list[Edge]:
        edges = super().edges_of_version(version, kind)
        version = self.source(version)
        current = self._by_version.get((version.artifact, version.index), ())
        return edges if kind != EdgeKind.USED else _merged(edges, current)

    def _as_it_is(self, run: Run) -> Run:
        """Show a run whose process has died as it will be recorded, with this moment as its end."""
        if state_now(run) == run.state:
            return run
        return msgspec.structs.replace(run, state="crashed", ended_ns=self._now_ns)


def _merged(edges: list[Edge], current: Iterable[Edge]) -> list[Edge]:
    """Put current edges in place of recorded ones, in the order of a view."""
    found = {(edge.run, edge.artifact, edge.index): edge for edge in (*edges, *current)}
    return sorted(found.values(), key=lambda edge: (edge.time_ns, edge.run, edge.artifact, edge.index))
