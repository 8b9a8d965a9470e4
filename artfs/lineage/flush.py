"""Flush runs: what a run opened becomes edges of the catalog, and its directory is removed.

Only processes that write to the store anyway do this: at the start and the end of a run, and in gc.
"""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress
from itertools import islice
from typing import Final

from artfs.catalog import Actor, current_actor, state_now
from artfs.errors import IntegrityError, StorageError, StoreError
from artfs.lineage.current_uses import current_uses
from artfs.lineage.run_directories import RunDirectories, RunDirectory
from artfs.lineage.run_resolver import run_in_environment
from artfs.lineage.step_files import StepFiles
from artfs.procfs import current_process, is_dead
from artfs.store.store import Store

__all__ = ["ChildWatch", "flush_ended_runs", "flush_run", "record_crashes"]

_WALL: Final = 0x40000000
"""Wait for children of any kind (waitid(2), `__WALL`): those that a thread's clone(2) made, too."""
_MOST_ROUNDS: Final = 1000
_RECENT: Final = 1000
"""The number of newest runs that are looked at for crashes: it takes no longer in a store of a million."""


class ChildWatch:
    """Watch for children of this process: without any, it leaves no process of its run behind."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._used = resource.getrusage(resource.RUSAGE_CHILDREN)

    def had_children(self) -> bool:
        """True if there is a child, or one has ended (what it used is counted), and in doubt."""
        if os.getpid() != self._pid or signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
            return True  # a forked child knows nothing of before; children that nobody waits for leave no trace
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT | _WALL)
        except ChildProcessError:
            return resource.getrusage(resource.RUSAGE_CHILDREN) != self._used
        return True


def flush_run(store: Store, run: str, who: Actor, *, alone: bool = False) -> None:
    """Make edges of what a run opened, and remove its directory once no process of it lives.

    A process that lives on, as a daemon that a run left behind, stays a process of the run: what it opens is flushed by
    a later `flush_ended_runs`. To find one, the environment of every process is read, since a daemon has left its
    parents. That grows with the machine, and is not done where it can find nothing: see `alone`.

    Args:
        store: The store.
        run: The run, which is in the catalog.
        who: For the journal.
        alone: The caller has had no child since the run was started (`ChildWatch`), and nobody else was given the run's
            id to start programs with. Then only registered processes are looked at.

    Raises:
        StorageError: The run's directory cannot be read, or the store not be written.
    """
    directories = RunDirectories(store.layout.runs)
    directory = directories.run(run)
    if not directory.exists():
        return
    with store.catalog.view() as view:
        ended = state_now(view.resolve_run(run)) != "running"
    # Before its opens are read: a process that has died opens no more.
    over = ended and not _lives(directory, alone=alone)
    store.catalog.use_versions(run, current_uses(store, run), who)
    if ended:
        with suppress(IntegrityError, OSError):  # the history is read from its parts as well
            StepFiles(store.layout.steps, run).compact()
    if over:
        directories.remove(directory)
    elif ended and directory.processes():
        directory.unregister()
        directories.bump_generation()


def flush_ended_runs(store: Store, *, running: bool = False) -> None:
    """Flush the runs that have ended, and record those that crashed.

    Without run directories it costs one listing. A run that cannot be flushed is left for the next call.

    Args:
        store: The store.
        running: Flush the runs that go on as well, as is due before gc removes trees that name their paths.
    """
    for directory in RunDirectories(store.layout.runs).runs():
        with store.catalog.view() as view:
            row = view.run(directory.id)
        if row is None or not directory.exists():
            continue
        state = state_now(row)
        if state == "running" and not running:
            continue
        who = current_actor(directory.id)
        with suppress(StoreError, StorageError):
            if state != row.state:
                store.catalog.end_crashed([directory.id], who)
            flush_run(store, directory.id, who)


def record_crashes(store: Store, *, running: bool = False) -> None:
    """Flush ended runs, and record the newest crashes, also of runs without a directory.

    Older ones, as all where the store cannot be written, are only shown as crashed (`catalog.state_now`).
    """
    flush_ended_runs(store, running=running)
    with suppress(StoreError, StorageError):
        with store.catalog.view() as view:
            newest = islice(view.runs(newest_first=True), _RECENT)
            dead = [run.id for run in newest if state_now(run) != run.state]
        if dead:
            store.catalog.end_crashed(dead, current_actor())


def _lives(directory: RunDirectory, *, alone: bool) -> bool:
    """Return True if a process of a run lives, other than this one."""
    own = current_process()
    others = [process for process in directory.processes() if process != own]
    if any(not is_dead(process) for process in others):
        return True
    if alone and not others:
        return False
    # A process may fork and end between a listing and the look at it. Only processes of the run start others of it, so
    # once a listing has none that was not looked at, no process of the run can hide behind one that has ended.
    looked_at = {os.getpid()}
    for _round in range(_MOST_ROUNDS):
        new = {int(name) for name in os.listdir("/proc") if name.isdigit()} - looked_at
        if not new:
            return False
        if any(run_in_environment(pid) == directory.id for pid in new):
            return True
        looked_at |= new
    return True  # not known: the next `flush_ended_runs` looks again
