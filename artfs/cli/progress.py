"""How far a long command is, on a terminal's stderr; nothing anywhere else, and nothing for what is done at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from artfs.names import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from artfs.store import Progress

__all__ = ["percent_bar", "progress_bar"]

_WORTH_FILES = 1000
_WORTH_BYTES = 16 << 20
_WORTH_SECONDS = 0.5


@contextmanager
def progress_bar(doing: str) -> Iterator[Progress | None]:
    """Give what a long operation tells its progress to, or None where nobody would see it.

    Args:
        doing: One word for what is done.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    progress = _TerminalProgress(doing)
    try:
        yield progress
    finally:
        progress.close()


class _TerminalProgress:
    """Shows a bar once `total` says that there is enough to do; only then is rich loaded, which takes 100 ms."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._bar: Bar | None = None
        self._files = self._done = 0

    def total(self, files: int, size: int) -> None:
        """There are `files` files with `size` bytes to do."""
        if files < _WORTH_FILES and size < _WORTH_BYTES:
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._files = files
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TextColumn("{task.fields[files]} files"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.add_task(self._doing, total=size, files=f"0/{files}")
        self._bar.start()

    def advance(self, files: int, size: int) -> None:
        """That many more are done."""
        if self._bar is not None:
            self._done += files
            task = self._bar.task_ids[0]
            self._bar.update(task, advance=size, files=f"{self._done}/{self._files}")

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def percent_bar(doing: str) -> Iterator[Callable[[int, str], None]]:
    """Give what is told the percentage of something that another process does, and what that waits for, if anything.

    Args:
        doing: One word for what is done.
    """
    bar = _PercentBar(doing)
    try:
        yield bar.show
    finally:
        bar.close()


class _PercentBar:
    """Shows a bar on a terminal's stderr once it has lasted a while."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._seen = sys.stderr is not None and sys.stderr.isatty()
        self._begun = time.monotonic()
        self._bar: Bar | None = None

    def show(self, percent: int, waiting: str) -> None:
        """So much is done."""
        if not self._seen or time.monotonic() - self._begun < _WORTH_SECONDS:
            return
        if self._bar is None:
            self._bar = self._make()
        self._bar.update(self._bar.task_ids[0], completed=percent, waiting=printable(waiting))

    def _make(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[waiting]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        bar.add_task(self._doing, total=100, waiting="")
        bar.start()
        return bar

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()
