"""`Run.log` and `Run.define_metric`: values of metrics, as the summary keeps them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from artfs.api.run.attributes import RunAttributes
from artfs.api.run.summary_rules import Metric, MetricSummary, parse_rules
from artfs.catalog import Run as Row
from artfs.store.store import Store

__all__ = ["RunMetrics"]


class RunMetrics(RunAttributes):
    """The part of `Run` that takes metrics."""

    def __init__(self, store: Store, row: Row) -> None:
        super().__init__(store, row)
        self._step = 0
        self._metrics: dict[str, Metric] = {}
        self._summaries: dict[str, MetricSummary | None] = {}  # by key; None: the last value is kept

    @property
    def step(self) -> int:
        """The step that the next `log` is of: how many there were, or where `log(step=)` set it."""
        return self._step

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None, sync: bool | None = None
    ) -> None:
        """Put values of metrics into the summary: of each the last one, unless `define_metric` said otherwise.

        The summary is stored as `Run.summary` says. The values before are not kept. A value that JSON cannot express,
        as a figure, is left out with a warning.

        Args:
            data: The values by name.
            step: The step that they are of; None: the next one.
            commit: False: more of this step follows; None: only where `step` is given.
            sync: Without effect.

        Raises:
            TypeError: It is no mapping, or a name is no text.
            InvalidInputError: A value cannot be stored: it is too long, or nested too deeply.
        """
        del sync
        _check_names(data)
        if step is not None:
            self._step = max(self._step, int(step))
        for name, value in data.items():
            try:
                self._summarize(name, value)
            except TypeError as error:
                warnings.warn(f"run {self.id}: {error}: it is left out", RuntimeWarning, stacklevel=2)
        if commit or (commit is None and step is None):
            self._step += 1

    def define_metric(
        self,
        name: str,
        step_metric: str | Metric | None = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | Iterable[str] | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> Metric:
        """Say what the summary keeps of a metric: a dictionary with a value for each kind that is named.

        Args:
            name: The metric; a `*` at the end stands for any end.
            step_metric: The metric that it is plotted over; without effect.
            step_sync: Without effect.
            hidden: Without effect.
            summary: `min`, `max`, `mean`, `last`, `first`, `best`, or several with commas between; `copy` for the last
                value itself; `none`.
            goal: For `best`: `minimize` or `maximize`.
            overwrite: In place of what was said of it before, not besides.

        Returns:
            What is said of it now.

        Raises:
            InvalidInputError: `summary` or `goal` is not allowed, or `best` has no goal.
        """
        del step_sync, hidden
        kinds = parse_rules(summary, goal)
        before = None if overwrite else self._metrics.get(name)
        if before is not None:
            kinds = tuple(dict.fromkeys((*before.summary, *kinds)))
            goal = goal or before.goal
        over = step_metric.name if isinstance(step_metric, Metric) else step_metric
        metric = self._metrics[name] = Metric(name, kinds, goal, over)
        self._summaries.clear()
        return metric

    def _summarize(self, name: str, value: Any) -> None:
        if name not in self._summaries:
            said = self._said_of(name)
            self._summaries[name] = MetricSummary(said, self.summary.get(name)) if said and said.summary else None
        rule = self._summaries[name]
        if rule is None:
            self.summary[name] = value
        elif (kept := rule.add(value)) is not None:
            self.summary[name] = kept

    def _said_of(self, name: str) -> Metric | None:
        """Return what was said of a key: of itself, or else of the longest pattern that it fits."""
        if name in self._metrics:
            return self._metrics[name]
        fitting = [metric for metric in self._metrics.values() if metric.fits(name)]
        return max(fitting, key=lambda metric: len(metric.name), default=None)


def _check_names(data: object) -> None:
    if not isinstance(data, Mapping) or not all(isinstance(name, str) for name in data):
        raise TypeError("log() needs a mapping of names, which are text, to values")
