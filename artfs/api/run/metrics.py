"""`Run.log` and `Run.define_metric`: values of metrics, as history and summary keep them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from artfs.api.run.attributes import RunAttributes
from artfs.api.run.run_steps import RunSteps
from artfs.api.run.summary_rules import Metric, MetricSummary, parse_rules
from artfs.catalog import Run as Row
from artfs.errors import StorageError
from artfs.lineage import StepFiles
from artfs.store.store import Store

__all__ = ["RunMetrics"]


class RunMetrics(RunAttributes):
    """The part of `Run` that takes metrics."""

    def __init__(self, store: Store, row: Row) -> None:
        super().__init__(store, row)
        self._steps = RunSteps(StepFiles(store.layout.steps, row.id), row.started_ns)
        self._metrics: dict[str, Metric] = {}
        self._summaries: dict[str, MetricSummary | None] = {}  # by key; None: the last value is kept
        self._over: dict[str, str | None] = {}  # by key: what it is plotted over

    @property
    def step(self) -> int:
        """The step that the next `log` is of: how many there were, or where `log(step=)` set it."""
        return self._steps.step

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None, sync: bool | None = None
    ) -> None:
        """Log values of metrics: `history` has them all, the summary the last of each or what `define_metric` said.

        The history is written twice a second: a process that is killed loses no more. The summary is stored as
        `Run.summary` says. In the history, values in a mapping have keys with dots (`val.acc`), and numbers that are
        infinite or NaN are kept. A value that JSON cannot express, as a figure, is left out with a warning.

        Args:
            data: The values by name.
            step: The step that they are of; None: the one that goes on. Values of one that is over are left out with a
                warning.
            commit: False: more of this step follows; None: only where `step` is given.
            sync: Without effect.

        Raises:
            TypeError: It is no mapping, or a name is no text.
            InvalidInputError: A value cannot be stored: it is too long, or nested too deeply.
        """
        del sync
        _check_names(data)
        over = {other for name in data if (other := self._plotted_over(name)) is not None}
        step = None if step is None else int(step)
        if not self._add_step(data, step, commit=step is None if commit is None else commit, with_last=over):
            warnings.warn(
                f"run {self.id}: step {step} is over, the run is at step {self.step}: {', '.join(data)} are left out",
                RuntimeWarning,
                stacklevel=2,
            )
            return
        for name, value in data.items():
            try:
                self._summarize(name, value)
            except TypeError as error:
                warnings.warn(f"run {self.id}: {error}: it is left out", RuntimeWarning, stacklevel=2)

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
            step_metric: The metric that it is plotted over: steps that have the one get the last value of the other.
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
        self._over.clear()
        if over is not None:
            self._steps.remember(over)
        return metric

    def _add_step(self, data: Mapping[str, Any], step: int | None, *, commit: bool, with_last: set[str]) -> bool:
        """Add values to the history; return False if their step is over."""
        return self._steps.add(data, step, commit=commit, with_last=with_last)

    def _plotted_over(self, name: str) -> str | None:
        """Return the metric that a key is plotted over; None: steps."""
        if not self._metrics:
            return None
        if name not in self._over:
            said = self._said_of(name)
            self._over[name] = None if said is None or said.step_metric == name else said.step_metric
        return self._over[name]

    def _update_first(self) -> None:
        super()._update_first()
        with suppress(StorageError):  # `finish` says it
            self._steps.flush()

    def _log_at_end(self) -> None:
        self._steps.close()

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
