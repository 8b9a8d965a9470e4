"""Nesting of runs: the current run of a thread, of a task, and of programs that are started.

A run that is begun inside another one hides it until it ends. A thread or task that has begun runs of its own sees
these alone; any other sees the runs of the main thread, or else the only one that there is. Below all of them is the
run that the environment named before (`artfs run`). The environment names the run that was begun last; a name that the
program puts there itself counts before all others.
"""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar

from artfs.api.environment import announce_run, announced_project, announced_run, withdraw_run

__all__ = ["current_runs", "enter", "leave"]

_lock = threading.Lock()
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))
_begun: dict[str, bool] = {}  # those that go on, the oldest first; True: begun in the main thread
_inherited: str | None = None
_projects: dict[str, str] = {}  # of the runs that go on and of the inherited one, where they have one
_own: ContextVar[tuple[str, ...] | None] = ContextVar("artfs_runs", default=None)


def enter(run: str, project: str | None = None) -> None:
    """Make a run, and its project, the current one of this thread or task, and of programs that this process starts."""
    global _inherited  # noqa: PLW0603 - of the process, as its environment is
    with _lock:
        if (named := announced_run()) not in _begun:
            _inherited = named
            _note_project(named, announced_project())
        own = _own.get()
        outer = tuple(_of_main_thread()) if own is None else own
        _own.set((*outer, run))
        _begun.pop(run, None)
        _begun[run] = threading.current_thread() is threading.main_thread()
        _note_project(run, project)
        announce_run(run, project)


def leave(run: str) -> None:
    """End a run: the one around it is current again, here and for programs that are started."""
    with _lock:
        _begun.pop(run, None)
        if run != _inherited:
            _projects.pop(run, None)
        if announced_run() != run:
            return
        outer = next(reversed(_begun), _inherited)
        if outer is None or outer == run:
            withdraw_run(run)
        else:
            announce_run(outer, _projects.get(outer))


def current_runs() -> list[str]:
    """Return the runs that this thread or task is in, the innermost first; they may be of any store."""
    with _lock:
        if (named := announced_run()) not in _begun:
            return [] if named is None else [named]
        own = _own.get()
        if own is not None:
            found = [run for run in own if run in _begun]
        else:
            found = _of_main_thread() or (list(_begun) if len(_begun) == 1 else [])
        return [*reversed(found), *([] if _inherited is None else [_inherited])]


def _note_project(run: str | None, project: str | None) -> None:
    if run is not None and project:
        _projects[run] = project
    elif run is not None:
        _projects.pop(run, None)


def _of_main_thread() -> list[str]:
    return [run for run, main in _begun.items() if main]
