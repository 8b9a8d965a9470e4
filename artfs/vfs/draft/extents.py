"""Which bytes of a file are in data files.

The extents of a file do not overlap and none is empty; two that touch in the file and lie in the same data file are
one. What they leave out is in the file's content in the store up to that content's limit, and zero beyond.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from artfs.vfs.draft.batch import Batch
from artfs.vfs.draft.rows import Extent, Rows, decode_extent, encode_extent, extent_key, number

__all__ = ["Range", "clip", "cover", "drop", "extents", "ranges"]

_AT_A_TIME = 256


class Range(NamedTuple):
    """A run of bytes of a file.

    Attributes:
        start: Offset of the first.
        end: Offset after the last.
        data: The data file that has them; 0: none.
        base: Where the file's byte 0 is, or would be, in the data file.
    """

    start: int
    end: int
    data: int
    base: int = 0


def extents(rows: Rows, ino: int, start: int = 0) -> Iterator[Range]:
    """The extents of a file that end after `start`, in order. The file must not change meanwhile."""
    prefix = extent_key(ino, 0)[:-8]
    before = rows.floor(prefix, number(start))
    if before is not None:
        first = int.from_bytes(before[0])
        extent = decode_extent(before[1])
        if first < start < extent.end:
            yield Range(first, *extent)
    at = start
    while True:
        found = rows.items(prefix, number(at), _AT_A_TIME)
        for key, value in found:
            yield Range(int.from_bytes(key), *decode_extent(value))
        if len(found) < _AT_A_TIME:
            return
        at = int.from_bytes(found[-1][0]) + 1


def ranges(rows: Rows, ino: int, start: int, end: int) -> Iterator[Range]:
    """All of [start, end) of a file as runs, in order: those in data files, and the gaps between them."""
    at = start
    for extent in extents(rows, ino, start):
        if extent.start >= end:
            break
        if extent.start > at:
            yield Range(at, extent.start, 0)
        at = min(extent.end, end)
        yield Range(max(extent.start, start), at, extent.data, extent.base)
    if at < end:
        yield Range(at, end, 0)


def cover(batch: Batch, rows: Rows, ino: int, new: Range, hidden: list[Range]) -> Range:
    """Note that [start, end) of a file is in a data file now.

    Args:
        batch: Takes the rows.
        rows: Where the file's extents are read; nothing in the batch may have changed them yet.
        ino: The file.
        new: What was written.
        hidden: Gets the extents of which nothing is left.

    Returns:
        The extent that it became part of.
    """
    start, end = new.start, new.end
    for old in list(_touching(rows, ino, start, end)):
        if (old.data, old.base) == (new.data, new.base):
            start, end = min(start, old.start), max(end, old.end)
            batch.delete(extent_key(ino, old.start))
            continue
        if old.start >= new.start:
            batch.delete(extent_key(ino, old.start))
        elif old.end > new.start:
            _put(batch, ino, Range(old.start, new.start, old.data, old.base))
        if old.end > new.end > old.start:
            _put(batch, ino, Range(new.end, old.end, old.data, old.base))
        elif old.start == new.end:
            _put(batch, ino, old)
        elif old.start >= new.start:
            hidden.append(old)
    covered = Range(start, end, new.data, new.base)
    _put(batch, ino, covered)
    return covered


def _touching(rows: Rows, ino: int, start: int, end: int) -> Iterator[Range]:
    """The extents that overlap [start, end] or lie against it."""
    for extent in extents(rows, ino, max(start - 1, 0)):
        if extent.start > end:
            return
        if extent.end >= start:
            yield extent


def clip(batch: Batch, rows: Rows, ino: int, size: int) -> list[Range]:
    """Cut off the extents of a file that becomes shorter, and give those of which nothing is left."""
    gone = []
    for extent in extents(rows, ino, size):
        if extent.start < size:
            _put(batch, ino, Range(extent.start, size, extent.data, extent.base))
        else:
            batch.delete(extent_key(ino, extent.start))
            gone.append(extent)
    return gone


def drop(batch: Batch, rows: Rows, ino: int) -> list[Range]:
    """Remove all extents of a file, and give them."""
    found = list(extents(rows, ino))
    for extent in found:
        batch.delete(extent_key(ino, extent.start))
    return found


def _put(batch: Batch, ino: int, extent: Range) -> None:
    batch.put(extent_key(ino, extent.start), encode_extent(Extent(extent.end, extent.data, extent.base)))
