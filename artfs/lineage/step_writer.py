"""Writer of the steps of a run: a thread appends what was logged to a part file, twice a second.

Nothing is synced: a process that is killed loses half a second, a power cut the last seconds.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final
from weakref import WeakSet

from artfs.errors import StorageError
from artfs.files import write_all
from artfs.format.steps import FILE_MAGIC, Row, encode_rows
from artfs.lineage.step_files import StepFiles

__all__ = ["StepWriter"]

_PERIOD: Final = 0.5
"""Seconds between writes."""
_ROWS_A_BLOCK: Final = 4096


class StepWriter:
    """The steps that one process logs to a run.

    Args:
        files: The run's files.
        started_ns: The start of the run (nanoseconds since 1970).
        step: The first step.
    """

    def __init__(self, files: StepFiles, started_ns: int, step: int) -> None:
        self.pid = os.getpid()
        self.step = step
        self._files = files
        self._started = started_ns / 1e9
        self._lock = threading.Lock()  # of `step`, `_row`, `_rows`
        self._writing = threading.Lock()  # of the file
        self._row: Row = {}  # the step that more may follow of
        self._unwritten = False  # whether that has values that are in no block
        self._rows: list[Row] = []
        self._descriptor: int | None = None
        self._end = len(FILE_MAGIC)
        self._due = threading.Event()
        self._pausing = threading.Event()
        self._thread: threading.Thread | None = None
        _writers.add(self)
        atexit.register(self.close)
        if "multiprocessing.util" in sys.modules:  # whose children end without `atexit`
            sys.modules["multiprocessing.util"].Finalize(None, self.close, exitpriority=0)

    def add(self, values: dict[str, Any], step: int | None, *, commit: bool) -> bool:
        """Add values to a step; return False if the step is over.

        Args:
            values: Scalars, texts, lists, by dotted keys.
            step: Their step; None: the one that goes on.
            commit: The step is over with them.
        """
        now = time.time()
        with self._lock:
            if step is not None and step != self.step:
                if step < self.step:
                    return False
                self._end_step()
                self.step = step
            row = self._row
            row["_step"] = self.step
            row["_timestamp"] = now
            row["_runtime"] = now - self._started
            row |= values
            self._unwritten = True
            if commit:
                self._end_step()
                self.step += 1
        if not self._due.is_set():
            self._due.set()
        if self._thread is None:
            self._start_thread()
        return True

    def _end_step(self) -> None:
        if self._unwritten:
            self._rows.append(self._row)
        self._row = {}
        self._unwritten = False

    def write(self) -> None:
        """Write what was logged up to now.

        Raises:
            OSError: The system refused; what was not written is tried again by the next call.
        """
        with self._writing:
            with self._lock:
                self._due.clear()
                rows, self._rows = self._rows, []
                if self._unwritten:
                    rows.append(dict(self._row))
                    self._unwritten = False
            written = 0
            try:
                while written < len(rows):
                    self._append(encode_rows(rows[written : written + _ROWS_A_BLOCK], level=1))
                    written += _ROWS_A_BLOCK
            except BaseException:
                with self._lock:
                    self._rows[:0] = rows[written:]
                    self._due.set()
                raise

    def flush(self) -> None:
        """Write what was logged up to now.

        Raises:
            StorageError: The system refused.
        """
        try:
            self.write()
        except OSError as error:
            raise StorageError.of(error, f"writing the history of run {self._files.run}") from error

    def _append(self, block: bytes) -> None:
        if self._descriptor is None:
            self._descriptor = self._files.new_part()
        try:
            write_all(self._descriptor, block, self._end)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            raise
        self._end += len(block)

    def close(self) -> None:
        """Write all, and let others have the file. What is added afterwards goes into another one.

        Raises:
            StorageError: The system refused.
        """
        atexit.unregister(self.close)
        self.pause()
        try:
            self.flush()
        finally:
            if self._descriptor is not None:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # children that were forked may have the file open
                os.close(self._descriptor)
                self._descriptor = None
                self._end = len(FILE_MAGIC)

    def pause(self) -> None:
        """Write what was logged and end the thread; the next `add` starts another one."""
        if self._thread is not None:
            self._pausing.set()
            self._due.set()
            self._thread.join()
            self._pausing.clear()
            self._thread = None

    def leave_to_parent(self) -> None:
        """Close the file in a child that was forked: it is to hold no lock of its parent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_at_times, name="artfs steps", daemon=True)
                self._thread.start()

    def _write_at_times(self) -> None:
        while not self._pausing.is_set():
            self._due.wait()
            self._pausing.wait(_PERIOD)
            with suppress(OSError):  # `close` reports what lasts
                self.write()


def _pause_all() -> None:
    """End the threads before a fork: a child has none of its parent's, and Python warns of them."""
    for writer in list(_writers):
        if writer.pid == os.getpid():
            writer.pause()


_writers: Final[WeakSet[StepWriter]] = WeakSet()
os.register_at_fork(before=_pause_all)
