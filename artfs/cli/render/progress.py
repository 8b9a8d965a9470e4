"""Progress bars on a terminal's stderr; none elsewhere, and none for what is done at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from artfs.cli.render.messages import is_quiet
from artfs.cli.render.output import size_text
from artfs.names import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from artfs.store import Progress

__all__ = ["counter", "percent_bar", "progress_bar"]

_WORTH_FILES = 1000
_WORTH_BYTES = 16 << 20
_WORTH_SECONDS = 0.5
_BETWEEN_SECONDS = 0.1
_WIDE = 90
"""Columns of a terminal that has room for all of a bar."""


@contextmanager
def progress_bar(doing: str) -> Iterator[Progress | None]:
    """Give a bar for a long operation; None if stderr is no terminal.

    Args:
        doing: One word for the operation.
    """
    if not _is_seen():
        yield None
        return
    progress = _TerminalProgress(doing)
    try:
        yield progress
    finally:
        progress.close()


def _is_seen() -> bool:
    """Tell if a bar would be seen and is wanted."""
    return sys.stderr is not None and sys.stderr.isatty() and not is_quiet()


class _TerminalProgress:
    """Bar that appears if `total` is large enough; only then is rich loaded, which takes 100 ms."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._bar: Bar | None = None
        self._files = self._done = 0

    def total(self, files: int, size: int) -> None:
        """Set the number of files and bytes, and show the bar if it is worth it."""
        if files < _WORTH_FILES and size < _WORTH_BYTES:
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True)
        columns = [TextColumn("{task.description}"), BarColumn(20), DownloadColumn(binary_units=True)]
        if console.width < _WIDE:  # one line, whatever the width
            columns[1] = TaskProgressColumn()
        if console.width >= _WIDE:
            columns += [TextColumn("{task.fields[speed]}"), TextColumn("{task.fields[files]}"), TimeRemainingColumn()]
        self._files = files
        self._bar = Progress(*columns, console=console, transient=True)
        self._bar.add_task(self._doing, total=size, files=f"0/{files} files" if files else "", speed="")
        self._bar.start()

    def advance(self, files: int, size: int) -> None:
        """Count more files and bytes as done."""
        if self._bar is not None:
            self._done += files
            task = self._bar.tasks[0]
            counted = f"{self._done}/{self._files} files" if self._files else ""
            speed = f"{size_text(int(task.speed))}/s" if task.speed else ""  # not rich's, which are of 1,000 bytes
            self._bar.update(task.id, advance=size, files=counted, speed=speed)

    def close(self) -> None:
        """Remove the bar from the terminal."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def counter(what: str) -> Iterator[Callable[[], None]]:
    """Give a function that counts one more of something whose number is not known; on a terminal the count is shown.

    Args:
        what: What is counted, as `objects found`.
    """
    count, shown_at = 0, time.monotonic() + _WORTH_SECONDS
    seen = _is_seen()

    def counted() -> None:
        nonlocal count, shown_at
        count += 1
        if seen and count % 100 == 0 and time.monotonic() > shown_at:
            shown_at = time.monotonic() + _BETWEEN_SECONDS
            sys.stderr.write(f"\r{count:,} {what}")
            sys.stderr.flush()

    try:
        yield counted
    finally:
        if seen and count >= 100:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def percent_bar(doing: str) -> Iterator[Callable[[int, str], None]]:
    """Give a function that shows how far another process is, in percent, and what it waits for.

    Args:
        doing: One word for the operation.
    """
    bar = _PercentBar(doing)
    try:
        yield bar.show
    finally:
        bar.close()


class _PercentBar:
    """Bar that appears once the operation has lasted a while."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._seen = _is_seen()
        self._begun = time.monotonic()
        self._bar: Bar | None = None

    def show(self, percent: int, waiting: str) -> None:
        """Show the percentage that is done."""
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
        """Remove the bar from the terminal."""
        if self._bar is not None:
            self._bar.stop()
