"""Tracking of runs in mounts: what their processes open are inputs, and aliases are pinned."""

from __future__ import annotations

from contextlib import suppress

from artfs.api import nesting
from artfs.catalog import current_actor
from artfs.errors import InvalidInputError, StorageError
from artfs.lineage import ChildWatch, RunDirectories, flush_ended_runs, flush_run, pin_version
from artfs.names import VersionRef
from artfs.procfs import current_process
from artfs.store.store import Store

__all__ = ["begin", "current_run", "end", "pinned"]

_alone: dict[str, ChildWatch] = {}
"""The runs whose id was made here: as long as this process has no child, no other process can be of them."""


def begin(store: Store, run: str, *, new_id: bool, pin: bool, project: str | None = None) -> None:
    """Track what this process and its descendants open as inputs of a run.

    Args:
        store: The store.
        run: The run, which was started.
        new_id: The id was made for this run: nobody else knows it.
        pin: Let each alias stay the version that it is when the run first asks for it.
        project: That of names without one, for programs that are started.

    Raises:
        StorageError: The store cannot be written.
    """
    if (process := current_process()) is not None:
        RunDirectories(store.layout.runs).register(run, process, pin=pin)
    if new_id:
        _alone[run] = ChildWatch()
    nesting.enter(run, project)


def end(store: Store, run: str) -> None:
    """Store what an ended run opened as edges, and record the runs that crashed.

    Raises:
        StorageError: The store cannot be written; a later command does it.
    """
    nesting.leave(run)
    watch = _alone.pop(run, None)
    flush_run(store, run, current_actor(run), alone=watch is not None and not watch.had_children())
    flush_ended_runs(store)


def current_run(store: Store) -> str | None:
    """Return the innermost run of a store that this thread or task is in, if it goes on."""
    for run in nesting.current_runs():
        with suppress(InvalidInputError):
            if RunDirectories(store.layout.runs).run(run).exists():
                return run
    return None


def pinned(store: Store, run: str | None, ref: VersionRef) -> VersionRef:
    """Return what a reference means in a run: for an alias, its version when the run first asked.

    Args:
        store: The store.
        run: The run; None: outside of one.
        ref: As given.

    Raises:
        StorageError: The pin can neither be read nor made.
    """
    if run is None:
        return ref
    try:
        with store.catalog.view() as view:
            return pin_version(RunDirectories(store.layout.runs).run(run), view, ref)
    except OSError as error:
        raise StorageError.of(error, f"resolving {ref} for run {run}") from error
