"""Progress of long operations."""

from __future__ import annotations

from typing import Protocol

__all__ = ["NullProgress", "Progress"]


class Progress(Protocol):
    """Counts what a long operation has done; called from one thread at a time."""

    def total(self, files: int, size: int) -> None:
        """Set the files and bytes that there are to do."""

    def advance(self, files: int, size: int) -> None:
        """Count files and bytes that are done."""


class NullProgress:
    """Progress that is not shown."""

    def total(self, files: int, size: int) -> None:
        """Ignore it."""

    def advance(self, files: int, size: int) -> None:
        """Ignore it."""
