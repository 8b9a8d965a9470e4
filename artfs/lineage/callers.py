"""Which run a caller belongs to.

The kernel tells the thread that makes a request. What its program was started with names the run (`ARTFS_RUN_ID`), or
else the nearest registered process that it descends from. Where the two differ, the environment counts unless the
registered process was started with the same: then it began its run later, as `artfs.init()` in a program does, and what
it forked has inherited an environment that does not know.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from artfs.catalog import current_process
from artfs.lineage.home import RunHome, RunsHome
from artfs.lineage.processes import Seen, parents, run_in_environment, seen

__all__ = ["Callers"]

_TRUSTED_SECONDS: Final = 0.1
"""After which it is asked whether a number still means the same thread, with the same program."""
_HELD: Final = 4096


class _Known(NamedTuple):
    until: float
    seen: Seen
    run: str | None


class Callers:
    """Maps threads to runs.

    What is known is forgotten when another run is registered: a thread that belonged to none may belong to that one.

    Args:
        home: The directory of all runs.
        clock: Seconds that only grow.
        on_change: Called when runs came or went.

    Raises:
        OSError: The generation cannot be mapped.
    """

    def __init__(
        self,
        home: RunsHome,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._home = home
        self._clock = clock
        self._on_change = on_change
        descriptor = home.open_generation()
        try:
            self._generation = memoryview(mmap.mmap(descriptor, 8, prot=mmap.PROT_READ)).cast("Q")
        finally:
            os.close(descriptor)
        self._seen = -1
        self._known: dict[int, _Known] = {}
        self._runs: frozenset[str] = frozenset()
        self._registered: dict[tuple[int, int], str] = {}

    def run_of(self, tid: int) -> str | None:
        """The run of a thread, None if it belongs to none (0, a thread of a foreign pid namespace, never does)."""
        if self._generation[0] != self._seen:
            self._look_again()
        if not self._runs or not tid:
            return None
        known = self._known.get(tid)
        now = self._clock()
        if known is not None and now < known.until:
            return known.run
        return self._look(tid, now, known)

    def _look_again(self) -> None:
        self._seen = self._generation[0]  # before looking: what changes meanwhile is looked at once more
        homes = sorted((home for home in self._home.runs() if home.exists()), key=RunHome.registered_ns)
        own = current_process()
        self._registered = {
            (process.pid, process.started): home.id
            for home in homes  # of several runs of one process, the one that was started last
            for process in home.processes()
            if own is not None and (process.boot, process.namespace) == (own.boot, own.namespace)
        }
        self._runs = frozenset(home.id for home in homes)
        self._known.clear()
        self._on_change()

    def _look(self, tid: int, now: float, known: _Known | None) -> str | None:
        found = seen(tid)
        if found is None:
            return None
        run = known.run if known is not None and known.seen == found else self._find(tid)
        if len(self._known) >= _HELD:
            self._known.clear()
        self._known[tid] = _Known(now + _TRUSTED_SECONDS, found, run)
        return run

    def _find(self, tid: int) -> str | None:
        named = run_in_environment(tid)
        for process in parents(tid):
            registered = self._registered.get(process)
            if registered is None:
                continue
            if named not in self._runs or named == run_in_environment(process[0]):
                return registered
            break
        return named if named in self._runs else None
