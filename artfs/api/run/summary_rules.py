"""What the summary of a run keeps of a metric: the last value, or its least, greatest, mean, first or best one."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from artfs.errors import InvalidInputError

__all__ = ["Metric", "MetricSummary", "parse_rules"]

_KINDS: Final = ("min", "max", "mean", "last", "first", "best", "copy", "none")
_GOALS: Final[dict[str, Callable[[float, float], float]]] = {"minimize": min, "maximize": max}


@dataclass(frozen=True, slots=True)
class Metric:
    """What `define_metric` said of a metric.

    Attributes:
        name: Its name; a `*` at the end stands for any end.
        summary: What the summary keeps of it; empty: the last value.
        goal: `minimize`, `maximize` or None: which value is the best.
        step_metric: The metric that it is plotted over.
    """

    name: str
    summary: tuple[str, ...] = ()
    goal: str | None = None
    step_metric: str | None = None

    def fits(self, key: str) -> bool:
        """Return True if it is said of a key that is logged."""
        return key == self.name or (self.name.endswith("*") and fnmatchcase(key, _literal(self.name[:-1]) + "*"))


def _literal(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


def parse_rules(summary: str | Iterable[str] | None, goal: str | None) -> tuple[str, ...]:
    """Check what `define_metric` is given as `summary` and `goal`; return the kinds of summary.

    Raises:
        InvalidInputError: One is unknown; or `best` has no goal.
    """
    words = summary.split(",") if isinstance(summary, str) else list(summary or ())
    kinds = tuple(word.strip().lower() for word in words)
    for kind in kinds:
        if kind not in _KINDS:
            raise InvalidInputError(f"summary {kind!r} is not allowed: use one of {', '.join(_KINDS)}")
    if goal not in {None, *_GOALS}:
        raise InvalidInputError(f"goal {goal!r} is not allowed: use 'minimize' or 'maximize'")
    if "best" in kinds and goal is None:
        raise InvalidInputError("summary 'best' needs a goal: 'minimize' or 'maximize'")
    return kinds


class MetricSummary:
    """The summary of one metric, as values come.

    Args:
        metric: What is to be kept of it.
        before: What the summary has of it.
    """

    def __init__(self, metric: Metric, before: object = None) -> None:
        self._metric = metric
        self._kept: dict[str, Any] = dict(before) if isinstance(before, dict) else {}
        self._count = 0

    def add(self, value: object) -> object | None:
        """Take a value; return what the summary has of the metric now, None if nothing.

        What is no number, or NaN, only changes the last value.
        """
        kinds = self._metric.summary
        if "none" in kinds:
            return None
        if "copy" in kinds:
            return value
        number = _number(value)
        for kind in kinds:
            if kind == "last":
                self._kept[kind] = value
            elif number is not None:
                self._kept[kind] = self._next(kind, number)
        self._count += number is not None
        return dict(self._kept) or None

    def _next(self, kind: str, number: float) -> float:
        before = self._kept.get(kind)
        if before is None or (kind == "mean" and not self._count):
            return number
        if kind == "first":
            return float(before)
        if kind == "mean":
            return float(before) + (number - float(before)) / (self._count + 1)
        better = _GOALS[self._metric.goal or "maximize"] if kind == "best" else (min if kind == "min" else max)
        return better(before, number)


def _number(value: Any) -> float | None:
    """Return a number as `min` and `max` can take it; None of anything else."""
    if not isinstance(value, numbers.Real) and callable(getattr(value, "item", None)):
        try:
            value = value.item()  # a scalar of torch, or an array of one
        except (TypeError, ValueError, RuntimeError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float | numbers.Real) or math.isnan(value):
        return None
    return float(value) if not isinstance(value, int) else value
