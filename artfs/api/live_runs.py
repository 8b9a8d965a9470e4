"""The runs that this process has started and not ended, as objects."""

from __future__ import annotations

from weakref import WeakValueDictionary

from artfs.api import nesting
from artfs.api.run.run import Run
from artfs.errors import InvalidInputError

__all__ = ["current_run", "enter", "live_run", "live_runs"]

_runs: WeakValueDictionary[str, Run] = WeakValueDictionary()  # one that goes on is held by `atexit`


def enter(run: Run) -> None:
    """Note a run that this process has started."""
    _runs[run.id] = run


def live_runs() -> list[Run]:
    """Return the runs of this process that this thread or task is in, the innermost first."""
    return [run for name in nesting.current_runs() if (run := _runs.get(name)) is not None]


def live_run() -> Run | None:
    """Return the innermost run that this thread or task is in; None outside of runs."""
    return next(iter(live_runs()), None)


def current_run(wanted_for: str) -> Run:
    """Return the innermost run that this thread or task is in.

    Args:
        wanted_for: What needs it, for the message.

    Raises:
        InvalidInputError: It is in none.
    """
    run = live_run()
    if run is None:
        raise InvalidInputError(f"artfs.{wanted_for} needs a run: call artfs.init() first")
    return run
