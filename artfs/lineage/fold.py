"""What a run opened becomes edges of the catalog, and its directory goes."""

from __future__ import annotations

import os
from typing import Final

from artfs.catalog import Actor, current_actor, has_died, state_now
from artfs.lineage.home import RunHome, RunsHome
from artfs.lineage.live import used_now
from artfs.lineage.processes import run_in_environment
from artfs.store.store import Store

__all__ = ["fold", "settle"]

_MOST_ROUNDS: Final = 1000


def fold(store: Store, run: str, who: Actor) -> None:
    """Make edges of what a run opened. Its directory goes when the run has ended and no process of it lives.

    A process that does, as a daemon that a run left behind, goes on to be of the run: what it opens is folded by the
    next `settle`.

    Args:
        store: The store.
        run: The run, which is in the catalog.
        who: For the journal.

    Raises:
        StorageError: The run's directory cannot be read, or the store not be written.
    """
    homes = RunsHome(store.layout.runs)
    home = homes.run(run)
    if not home.exists():
        return
    with store.catalog.view() as view:
        ended = state_now(view.known_run(run)) != "running"
    over = ended and not _lives(home)  # before what it opened is read: who has died opens no more
    store.catalog.use_versions(run, used_now(store, run), who)
    if over:
        homes.remove(home)
    elif ended and home.processes():
        home.unregister()
        homes.change()


def settle(store: Store) -> None:
    """End runs whose process has died, and fold what runs have opened up to now. Without runs it costs one listing.

    Raises:
        StorageError: A run's directory cannot be read, or the store not be written.
    """
    for home in RunsHome(store.layout.runs).runs():
        if not home.exists():
            continue
        with store.catalog.view() as view:
            row = view.run(home.id)
        if row is None:
            continue
        who = current_actor(home.id)
        if row.state == "running" and state_now(row) == "crashed":
            store.catalog.end_crashed([home.id], who)
        fold(store, home.id, who)


def _lives(home: RunHome) -> bool:
    """Whether a process of a run lives, other than this one."""
    own = os.getpid()
    if any(process.pid != own and not has_died(process) for process in home.processes()):
        return True
    # A process may fork and end between a listing and the look at it. Only processes of the run make others of it, so
    # that once a listing has none that was not looked at, no process of the run can hide behind one that has ended.
    looked_at = {own}
    for _round in range(_MOST_ROUNDS):
        new = {int(name) for name in os.listdir("/proc") if name.isdigit()} - looked_at
        if not new:
            return False
        if any(run_in_environment(pid) == home.id for pid in new):
            return True
        looked_at |= new
    return True  # not known: the next `settle` looks again
