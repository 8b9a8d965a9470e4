"""Segments: data files that small files share; the space of removed files is given back.

To create and remove a data file costs the file system more than the rest of such a write. So each small file gets a
place in a segment behind the last one, and a segment is removed when all of its places are free. Until then holes are
punched where places were freed, but not one by one: to punch a hole takes longer than to write 40 KB, and most places
are freed soon after their neighbours, when all that was copied in is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from artfs.drafts.data.data_files import DataFiles, shared_file
from artfs.drafts.namespace.transaction import Transaction

__all__ = ["SegmentAllocator"]

_SEGMENT_BYTES: Final = 64 << 20
_ALIGNMENT: Final = 4096
_WORTH_A_HOLE: Final = 4 << 20


class SegmentAllocator:
    """Allocates places in segments, and frees them.

    Args:
        files: The data files.
    """

    def __init__(self, files: DataFiles) -> None:
        self._files = files
        self._places: dict[int, dict[int, int]] = {}
        self._current = 0
        self._end = 0
        self._holes: dict[int, list[tuple[int, int]]] = {}
        self.writable: set[int] = set()
        """Segments that were begun after the last freeze, so that nothing frozen is in them."""

    def allocate(self, txn: Transaction, size: int) -> tuple[int, int]:
        """Allocate a place for so many bytes, and return the data file and the offset in it.

        If the transaction fails, the place stays unused until the segment is removed.
        """
        if not self._current or self._end + size > _SEGMENT_BYTES:
            self._current = shared_file(txn.allocate("data"))
            self._end = 0
            self._files.create(self._current)
            self.writable.add(self._current)
        base = self._end
        self._end += _aligned(size)
        self._places.setdefault(self._current, {})[base] = self._end
        return self._current, base

    def recover(self, data: int, base: int, size: int) -> None:
        """Record a place that an earlier process allocated, and how much of it is used at least."""
        places = self._places.setdefault(data, {})
        places[base] = max(places.get(base, base), base + _aligned(size))

    def freeze(self) -> None:
        """Begin another segment with the next place."""
        self._current = 0
        self.writable.clear()

    def free(self, data: int, base: int) -> None:
        """Free a place, and remove the segment if it was the last."""
        places = self._places.get(data, {})
        end = places.pop(base, base)
        if not places and data != self._current:
            self._places.pop(data, None)
            self._holes.pop(data, None)
            self._files.remove(data)
        elif end > base:
            self._holes.setdefault(data, []).append((base, end))

    def punch_holes(self, *, small_ones: bool) -> None:
        """Punch holes where places were freed.

        Args:
            small_ones: Also where few neighbours were.
        """
        for data in list(self._holes):
            left = []
            for base, end in _joined(self._holes.pop(data)):
                if small_ones or end - base >= _WORTH_A_HOLE:
                    self._files.punch_hole(data, base, end - base)
                else:
                    left.append((base, end))
            if left:
                self._holes[data] = left


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
    return -(-size // _ALIGNMENT) * _ALIGNMENT
