"""Resolve the thread that makes a request to the run that it belongs to.

The environment that its program was started with names the run (`ARTFS_RUN_ID`), or else the nearest registered process
that it descends from. If the two differ, the environment counts, unless the registered process was started with the
same: then that process began its run later, as `artfs.init()` in a program does, and what it forked has inherited an
environment that does not name it.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from artfs.lineage.run_directories import RunDirectories, RunDirectory
from artfs.procfs import ProcessStat, ancestors, current_process, environment_variable, read_stat

__all__ = ["RunResolver", "run_in_environment"]

_RECHECK_SECONDS: Final = 0.1
"""Time after which it is checked that a number still is the same thread, with the same program."""
_MAX_CACHED: Final = 4096


def run_in_environment(tid: int) -> str | None:
    """Return the run in the environment that a process was started with; None if there is none."""
    return environment_variable(tid, "ARTFS_RUN_ID")


class _Cached(NamedTuple):
    until: float
    stat: ProcessStat
    run: str | None


class RunResolver:
    """Maps threads to runs.

    The cache is dropped when another run is registered: a thread that belonged to none may belong to that one.

    Args:
        directories: The run directories.
        clock: Seconds that only grow.
        on_change: Called when runs came or went.

    Raises:
        OSError: The generation cannot be mapped.
    """

    def __init__(
        self,
        directories: RunDirectories,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._directories = directories
        self._clock = clock
        self._on_change = on_change
        descriptor = directories.open_generation()
        try:
            self._generation = memoryview(mmap.mmap(descriptor, 8, prot=mmap.PROT_READ)).cast("Q")
        finally:
            os.close(descriptor)
        self._loaded_generation = -1
        self._cached: dict[int, _Cached] = {}
        self._runs: frozenset[str] = frozenset()
        self._registered: dict[tuple[int, int], str] = {}

    def run_of(self, tid: int) -> str | None:
        """Return the run of a thread; None if it has none (as 0, of a foreign pid namespace)."""
        if self._generation[0] != self._loaded_generation:
            self._load()
        if not self._runs or not tid:
            return None
        cached = self._cached.get(tid)
        now = self._clock()
        if cached is not None and now < cached.until:
            return cached.run
        return self._resolve(tid, now, cached)

    def _load(self) -> None:
        self._loaded_generation = self._generation[0]  # before listing: a change meanwhile is loaded once more
        present = (directory for directory in self._directories.runs() if directory.exists())
        directories = sorted(present, key=RunDirectory.registered_ns)
        own = current_process()
        self._registered = {
            (process.pid, process.started): directory.id
            for directory in directories  # of several runs of one process, the one that was started last
            for process in directory.processes()
            if own is not None and (process.boot, process.namespace) == (own.boot, own.namespace)
        }
        self._runs = frozenset(directory.id for directory in directories)
        self._cached.clear()
        self._on_change()

    def _resolve(self, tid: int, now: float, cached: _Cached | None) -> str | None:
        stat = read_stat(tid)
        if stat is None:
            return None
        run = cached.run if cached is not None and cached.stat == stat else self._find(tid)
        if len(self._cached) >= _MAX_CACHED:
            self._cached.clear()
        self._cached[tid] = _Cached(now + _RECHECK_SECONDS, stat, run)
        return run

    def _find(self, tid: int) -> str | None:
        named = run_in_environment(tid)
        for process in ancestors(tid):
            registered = self._registered.get(process)
            if registered is None:
                continue
            if named not in self._runs or named == run_in_environment(process[0]):
                return registered
            break
        return named if named in self._runs else None
