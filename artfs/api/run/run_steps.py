"""The steps that this process logs to a run: made of what `Run.log` gets, also in threads and forked children."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from artfs.catalog import restored, to_json
from artfs.errors import InvalidInputError
from artfs.lineage import StepFiles

if TYPE_CHECKING:
    from artfs.format.steps import Row
    from artfs.lineage.step_writer import StepWriter

__all__ = ["RunSteps"]

_AS_THEY_ARE: Final = frozenset({float, bool, str})
_lock = threading.Lock()
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))
_SMALLEST, _GREATEST = -(1 << 63), (1 << 64) - 1


class RunSteps:
    """The steps that this process logs to a run.

    Args:
        files: The run's files.
        started_ns: The start of the run (nanoseconds since 1970).
    """

    def __init__(self, files: StepFiles, started_ns: int) -> None:
        self._top, self._run = os.fspath(files.top), files.run  # text in pickles
        self._started_ns = started_ns
        self._first: int | None = None  # the step to begin with; None: the files say
        self._writer: StepWriter | None = None
        self._last: dict[str, Any] = {}  # of metrics that others are plotted over; None: none yet

    def __getstate__(self) -> dict[str, Any]:
        """Leave the writer out of pickles: it is this process's."""
        first = self._first if self._writer is None else self._writer.step
        return self.__dict__ | {"_writer": None, "_first": first}

    @property
    def _files(self) -> StepFiles:
        return StepFiles(Path(self._top), self._run)

    @property
    def step(self) -> int:
        """The step that the next values are of."""
        if self._writer is not None:
            return self._writer.step
        if self._first is None:
            self._first = self._files.next_step()
        return self._first

    def remember(self, name: str) -> None:
        """Remember the last value of a metric that others are plotted over."""
        self._last.setdefault(name, None)

    def add(
        self, data: Mapping[str, object], step: int | None, *, commit: bool, with_last: Collection[str] = ()
    ) -> bool:
        """Add values to a step; return False if the step is over.

        Args:
            data: The values by name; those that cannot be kept are left out.
            step: Their step; None: the one that goes on.
            commit: The step is over with them.
            with_last: Keys whose last values are added where they are not among the values.
        """
        writer = self._writer
        if writer is None or writer.pid != os.getpid():
            writer = self._new_writer()
        values: dict[str, Any] = {}
        for name, value in data.items():
            if type(value) in _AS_THEY_ARE and name[:1] != "_":
                values[name] = value
            else:
                _flatten(values, name, value)
        for name in with_last:
            if name not in values and (last := self._last.get(name)) is not None:
                values[name] = last
        for name in self._last.keys() & values.keys():
            self._last[name] = values[name]
        return writer.add(values, step, commit=commit)

    def pass_over(self, step: int | None, *, commit: bool) -> bool:
        """Do as `add`, and keep no values."""
        wanted = self.step if step is None else step
        if wanted < self.step:
            return False
        self._first = wanted + commit
        return True

    def rows(self) -> list[Row]:
        """Return the run's rows by step, also those that are not written yet.

        Raises:
            IntegrityError: The history is damaged.
            StorageError: It cannot be read or written.
        """
        self.flush()
        return self._files.rows()

    def flush(self) -> None:
        """Write what was logged up to now.

        Raises:
            StorageError: The system refused.
        """
        if self._writer is not None and self._writer.pid == os.getpid():
            self._writer.flush()

    def close(self) -> None:
        """Write all.

        Raises:
            StorageError: The system refused.
        """
        if self._writer is not None and self._writer.pid == os.getpid():
            self._writer.close()

    def _new_writer(self) -> StepWriter:
        from artfs.lineage.step_writer import StepWriter  # noqa: PLC0415 # most programs log no step

        with _lock:  # threads that begin together log to one
            writer = self._writer
            if writer is None or writer.pid != os.getpid():
                step = self.step
                if writer is not None:
                    writer.leave_to_parent()
                writer = self._writer = StepWriter(self._files, self._started_ns, step)
        return writer


def _flatten(values: dict[str, Any], name: str, value: object) -> None:
    """Add what is kept of a value; of a mapping, its values under keys with dots."""
    if name in {"_step", "_timestamp", "_runtime"}:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _flatten(values, f"{name}.{key}", inner)
        return
    if type(value) is not int and not isinstance(value, float) and callable(getattr(value, "item", None)):
        with suppress(TypeError, ValueError, RuntimeError):  # an array
            value = value.item()  # type: ignore[attr-defined] # a scalar of numpy or torch, which may be NaN
    if isinstance(value, float):
        values[name] = float(value)
        return
    try:
        kept = restored(to_json(value, name))
    except (TypeError, InvalidInputError):
        return  # the summary warns of it
    if isinstance(kept, int) and not _SMALLEST <= kept <= _GREATEST:
        kept = str(kept)
    values[name] = kept
