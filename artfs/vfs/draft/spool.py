"""Data files that small files share: each gets a place behind the last, and the file goes when all of them are gone.

Until then the room of places that were taken back is given back to the file system, but not one by one: that takes
longer than to write them, and most places come back soon after their neighbours, when all that was copied is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from artfs.vfs.draft.batch import Batch
from artfs.vfs.draft.datafiles import SPOOL, DataFiles

__all__ = ["Spool"]

_SIZE: Final = 64 << 20
_ALIGN: Final = 4096
_WORTHWHILE: Final = 4 << 20


class Spool:
    """Hands out places, and takes them back.

    Args:
        files: The data files.
    """

    def __init__(self, files: DataFiles) -> None:
        self._files = files
        self._places: dict[int, dict[int, int]] = {}
        self._current = 0
        self._end = 0
        self._fresh: set[int] = set()
        self._free: dict[int, list[tuple[int, int]]] = {}

    def place(self, batch: Batch, size: int) -> tuple[int, int]:
        """Take a place for a file of so many bytes: the number of the data file, and where in it.

        A place that is taken for a change which is then not made stays empty until the data file goes.
        """
        if not self._current or self._end + size > _SIZE:
            self._current = SPOOL | batch.take("data")
            self._end = 0
            self._files.create(self._current)
            self._fresh.add(self._current)
        base = self._end
        self._end += _aligned(size)
        self._places.setdefault(self._current, {})[base] = self._end
        return self._current, base

    def recall(self, data: int, base: int, size: int) -> None:
        """Note a place that was taken before this process began, and how much of it is used at least."""
        places = self._places.setdefault(data, {})
        places[base] = max(places.get(base, base), base + _aligned(size))

    def is_fresh(self, data: int) -> bool:
        """Whether a data file was begun after the last freeze, so that nothing frozen is in it."""
        return data in self._fresh

    def freeze(self) -> None:
        """Begin another data file with the next place."""
        self._current = 0
        self._fresh.clear()

    def release(self, data: int, base: int) -> None:
        """Take a place back."""
        places = self._places.get(data, {})
        end = places.pop(base, base)
        if not places and data != self._current:
            self._places.pop(data, None)
            self._free.pop(data, None)
            self._files.remove(data)
        elif end > base:
            self._free.setdefault(data, []).append((base, end))

    def give_back(self, *, every: bool) -> None:
        """Give the room of places that were taken back to the file system.

        Args:
            every: Also of those that have few such neighbours.
        """
        for data in list(self._free):
            left = []
            for base, end in _joined(self._free.pop(data)):
                if every or end - base >= _WORTHWHILE:
                    self._files.punch(data, base, end - base)
                else:
                    left.append((base, end))
            if left:
                self._free[data] = left


def _joined(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join ranges that touch."""
    ranges.sort()
    start, end = ranges[0]
    for base, last in ranges[1:]:
        if base != end:
            yield start, end
            start = base
        end = last
    yield start, end


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN
