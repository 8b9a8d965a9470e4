"""The file of a preview: its size, its name, and ranges of its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["READ_BYTES", "Source"]

READ_BYTES: Final = 64 << 10
"""Bytes of a file that a preview is made from, but for the headers of tables and tensors."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to preview.

    Attributes:
        name: The last part of its path.
        size: Its bytes.
        read: Returns bytes from an offset on, fewer only at the end.
        head: Its first bytes.
    """

    name: bytes
    size: int
    read: Callable[[int, int], bytes]
    head: bytes

    @property
    def cut(self) -> bool:
        """True if there is more than the head."""
        return self.size > len(self.head)
