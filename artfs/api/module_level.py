"""What `import artfs` has at module level for scripts written for W&B: the methods of the current run as functions.

The current run is the innermost one that this thread or task is in and this process has started.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from artfs.api.live_runs import current_run, live_run
from artfs.api.run.run import Run

__all__ = [
    "Settings",
    "alert",
    "define_metric",
    "finish",
    "finish_artifact",
    "log",
    "log_artifact",
    "log_model",
    "login",
    "of_current_run",
    "require",
    "save",
    "setup",
    "unwatch",
    "upsert_artifact",
    "use_artifact",
    "use_model",
    "watch",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _of_current_run(method: Callable[Concatenate[Run, _P], _R]) -> Callable[_P, _R]:
    """Return a method of `Run` as a function that calls it of the current run; InvalidInputError outside of runs."""

    @wraps(method)
    def forwarded(*arguments: _P.args, **named: _P.kwargs) -> _R:
        return method(current_run(f"{method.__name__}()"), *arguments, **named)

    return cast(Callable[_P, _R], forwarded)


alert = _of_current_run(Run.alert)
define_metric = _of_current_run(Run.define_metric)
finish_artifact = _of_current_run(Run.finish_artifact)
log = _of_current_run(Run.log)
log_artifact = _of_current_run(Run.log_artifact)
log_model = _of_current_run(Run.log_model)
save = _of_current_run(Run.save)
unwatch = _of_current_run(Run.unwatch)
upsert_artifact = _of_current_run(Run.upsert_artifact)
use_artifact = _of_current_run(Run.use_artifact)
use_model = _of_current_run(Run.use_model)
watch = _of_current_run(Run.watch)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the current run; do nothing outside of runs.

    Args:
        exit_code: As for `Run.finish`.
        quiet: Without effect.
    """
    run = live_run()
    if run is not None:
        run.finish(exit_code, quiet)


def of_current_run(name: str) -> object:
    """Return `artfs.run`, `artfs.config` or `artfs.summary` as they are now.

    Raises:
        AttributeError: There is no run to have config or summary.
    """
    run = live_run()
    if name == "run":
        return run
    if run is None:
        raise AttributeError(f"artfs.{name} needs a run: call artfs.init() first")
    return run.config if name == "config" else run.summary


class Settings(SimpleNamespace):
    """Settings as `wandb.Settings` takes them; attributes without effect."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)


def login(*_given: Any, **_named: Any) -> bool:
    """Return True: there is nothing to log in to. A key that is given is not kept."""
    return True


def setup(*_given: Any, **_named: Any) -> None:
    """Do nothing: there is no service to start."""


def require(*_given: Any, **_named: Any) -> None:
    """Do nothing: there are no features to choose."""
