"""How a long operation tells how far it is."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Quiet"]


class Progress(Protocol):
    """Is told how a long operation goes on; called from one thread at a time."""

    def total(self, files: int, size: int) -> None:
        """There are `files` files with `size` bytes to do."""

    def advance(self, files: int, size: int) -> None:
        """That many more are done."""


class Quiet:
    """Progress that nobody watches."""

    def total(self, files: int, size: int) -> None:
        """Ignore it."""

    def advance(self, files: int, size: int) -> None:
        """Ignore it."""
