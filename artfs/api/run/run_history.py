"""`Run.history` and `Run.scan_history`: what was logged, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from artfs.api.run.metrics import RunMetrics
from artfs.documents.run_history import sampled, wanted_rows, with_last_values
from artfs.errors import IntegrityError, StorageError

if TYPE_CHECKING:
    from artfs.format.steps import Row

__all__ = ["RunHistory"]


class RunHistory(RunMetrics):
    """The part of `Run` that reads its history."""

    def history(
        self,
        samples: int = 500,
        keys: Sequence[str] | None = None,
        x_axis: str = "_step",
        pandas: bool = True,
        stream: str = "default",
    ) -> Any:
        """The steps that were logged, or some of them at equal distances, also while the run goes on.

        Each has `_step`, `_timestamp` (seconds since 1970), `_runtime` (seconds since the start) and what was logged.

        Args:
            samples: The most steps; the first and the last are among them.
            keys: Only these values, of the steps that have all of them; None: all.
            x_axis: The value that is in each step besides `keys`.
            pandas: Return a data frame if pandas is installed, else a list of dictionaries.
            stream: Without effect.

        Raises:
            IntegrityError: The history is damaged.
            StorageError: It cannot be read.
        """
        del stream
        rows = sampled(wanted_rows(self._steps.rows(), keys, (x_axis,)), samples)
        if pandas:
            with suppress(ImportError):
                return import_module("pandas").DataFrame.from_records(rows)
        return rows

    def scan_history(
        self,
        keys: Sequence[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> Iterator[Row]:
        """Go through all steps that were logged, as dictionaries.

        Args:
            keys: Only these values, of the steps that have all of them; None: all.
            page_size: Without effect.
            min_step: The first step; None: the first one there is.
            max_step: The step to end before; None: after the last one.

        Raises:
            IntegrityError: The history is damaged.
            StorageError: It cannot be read.
        """
        del page_size
        low, high = min_step or 0, math.inf if max_step is None else max_step
        rows = [row for row in self._steps.rows() if low <= row["_step"] < high]
        return iter(wanted_rows(rows, keys))

    def _follow_history(self) -> None:
        with suppress(IntegrityError, StorageError):  # `history` says it
            self.summary.update(with_last_values(self.summary, self._steps.rows()))
