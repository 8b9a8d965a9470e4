"""What a run is told that nothing is stored of: alerts, and models to watch."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import Any

from artfs.api.lines import termlog
from artfs.api.run.base import RunBase

__all__ = ["AlertLevel", "RunNotices"]


class AlertLevel(Enum):
    """How urgent an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class RunNotices(RunBase):
    """The part of `Run` that only says something, or nothing."""

    def alert(
        self,
        title: str,
        text: str,
        level: AlertLevel | str | None = None,
        wait_duration: float | timedelta | None = None,
    ) -> None:
        """Write a line to standard error.

        Args:
            title: What happened.
            text: More of it.
            level: `INFO`, `WARN` or `ERROR`.
            wait_duration: Without effect.
        """
        del wait_duration
        shown = level.value if isinstance(level, AlertLevel) else str(level or AlertLevel.INFO.value)
        termlog(" ".join(f"{shown} in run {self.id}: {title}: {text}".split()))

    def _label(self, repo: str | None = None, code: str | None = None, **_more: object) -> None:
        """Do nothing: trainers of other libraries call it on the runs that they start."""

    def watch(
        self,
        models: Any,
        criterion: Any = None,
        log: str | None = "gradients",
        log_freq: int = 1000,
        idx: int | None = None,
        log_graph: bool = False,
    ) -> None:
        """Do nothing: gradients and parameters are not kept.

        Args:
            models: Without effect.
            criterion: Without effect.
            log: Without effect.
            log_freq: Without effect.
            idx: Without effect.
            log_graph: Without effect.
        """

    def unwatch(self, models: Any = None) -> None:
        """Do nothing: nothing is watched.

        Args:
            models: Without effect.
        """
