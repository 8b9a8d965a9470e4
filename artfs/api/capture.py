"""What a run does besides what is said in Python: what its processes open in mounts, and which version an alias is."""

from __future__ import annotations

from artfs.api.location import announce_run, announced_run, withdraw_run
from artfs.catalog import current_actor, current_process
from artfs.errors import InvalidInputError, StorageError
from artfs.lineage import RunsHome, fold, pin_version
from artfs.names import VersionRef
from artfs.store.store import Store

__all__ = ["begin", "current_run", "end", "pinned"]


def begin(store: Store, run: str, *, pin: bool) -> None:
    """Have what this process and its descendants open noted as inputs of a run.

    Args:
        store: The store.
        run: The run, which was started.
        pin: Have each alias stay the version that it is when the run first asks for it.

    Raises:
        StorageError: The store cannot be written.
    """
    if (process := current_process()) is not None:
        RunsHome(store.layout.runs).register(run, process, pin=pin)
    announce_run(run)


def end(store: Store, run: str) -> None:
    """Make edges of what a run that has ended opened.

    Raises:
        StorageError: The store cannot be written; a later command does it.
    """
    withdraw_run(run)
    fold(store, run, current_actor(run))


def current_run(store: Store) -> str | None:
    """The run that this process belongs to, if it is one of that store and goes on."""
    run = announced_run()
    try:
        there = run is not None and RunsHome(store.layout.runs).run(run).exists()
    except InvalidInputError:
        return None
    return run if there else None


def pinned(store: Store, run: str | None, ref: VersionRef) -> VersionRef:
    """What a reference means in a run: of an alias, the version that it was when the run first asked.

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
            return pin_version(RunsHome(store.layout.runs).run(run), view, ref)
    except OSError as error:
        raise StorageError.of(error, f"resolving {ref} for run {run}") from error
