"""Which files are worth storing before a commit asks for it.

Files that were closed wait until there are enough of them: what is small and soon gone (an editor's temporary file, a
database's journal) is never stored. A large file that is written from front to back is stored while it grows.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["Backlog", "Due"]

_DUE_BYTES: Final = 32 << 20
_DUE_FILES: Final = 1000


class Due(NamedTuple):
    """A file to be stored.

    Attributes:
        ino: Its inode.
        size: How many of its bytes, from the first on.
        final: It was closed: these are all. Otherwise it grows.
        known: How many of them were handed over before; None: it was not written from front to back.
    """

    ino: int
    size: int
    final: bool
    known: int | None


class _Growth:
    """A file that is being written from front to back: how far, and how far the storer knows."""

    __slots__ = ("end", "given")

    def __init__(self) -> None:
        self.end = 0
        self.given = 0


class Backlog:
    """Fed with what happens to files.

    It counts changes: every one but an append to a file that grows has a number, and none has that of another, not
    even one that the next process counts, which begins anywhere.
    """

    def __init__(self) -> None:
        self._counter = secrets.randbits(62)
        self._growing: dict[int, _Growth] = {}
        self._closed: dict[int, int] = {}
        self._closed_bytes = 0
        self._grown: dict[int, int] = {}

    def wrote(self, ino: int, start: int, end: int, *, fresh: bool) -> int | None:
        """Bytes were written.

        Args:
            ino: The file.
            start: Offset of the first.
            end: Offset after the last.
            fresh: The file was empty before.

        Returns:
            The number of the change; None: it only grew.
        """
        growth = self._growing.get(ino)
        if growth is not None and start == growth.end:
            growth.end = end
            return None
        count = self.changed(ino)
        if fresh and start == 0:
            self._growing[ino] = growth = _Growth()
            growth.end = end
        return count

    def changed(self, ino: int) -> int:
        """Bytes changed otherwise than by being appended; gives the number of the change."""
        self._counter += 1
        self.gone(ino)
        return self._counter

    def is_growing(self, ino: int) -> bool:
        """Whether a file was only appended to since its first byte was written, and not closed."""
        return ino in self._growing

    def closed(self, ino: int, size: int) -> None:
        """The last writer closed a file that has bytes to be stored."""
        growth = self._growing.pop(ino, None)
        if growth is not None:
            self._grown[ino] = growth.given
        self._closed_bytes += size - self._closed.pop(ino, 0)
        self._closed[ino] = size

    def gone(self, ino: int) -> None:
        """A file has no bytes to be stored any more."""
        self._growing.pop(ino, None)
        self._grown.pop(ino, None)
        self._closed_bytes -= self._closed.pop(ino, 0)

    @property
    def is_due(self) -> bool:
        """Whether it is time to wake the storer."""
        return (
            self._closed_bytes >= _DUE_BYTES
            or len(self._closed) >= _DUE_FILES
            or any(growth.end - growth.given >= _DUE_BYTES for growth in self._growing.values())
        )

    def take(self, files: int, size: int) -> Iterator[Due]:
        """Hand over what is due, at most so many files and about so many bytes."""
        for ino, growth in self._growing.items():
            if growth.end - growth.given >= _DUE_BYTES:
                known, growth.given = growth.given, growth.end
                size -= _DUE_BYTES
                yield Due(ino, growth.end, final=False, known=known)
        while self._closed and files > 0 and size > 0:
            ino = next(iter(self._closed))
            length = self._closed.pop(ino)
            self._closed_bytes -= length
            files -= 1
            size -= length
            yield Due(ino, length, final=True, known=self._grown.pop(ino, None))

    def put_back(self, due: Due, size: int) -> None:
        """Only so many bytes of what was handed over could be taken: the rest is due again."""
        if due.final:
            self._closed[due.ino] = due.size
            self._closed_bytes += due.size
            self._grown[due.ino] = size
        elif due.ino in self._growing:
            self._growing[due.ino].given = size
