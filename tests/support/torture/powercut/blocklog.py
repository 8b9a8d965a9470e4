"""The requests to a disk, in order: each write with its bytes, and each flush; and what a power cut leaves of it.

A disk may carry out the writes since its last flush in any order, or not at all, and is torn between sectors of 512
bytes. What was written before a flush that it has answered is there.
"""

from __future__ import annotations

import os
import random
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BlockLog", "Cut", "DiskImage", "LogWriter", "Record"]

SECTOR = 512
_HEAD = struct.Struct("<cQI")
_WRITE, _FLUSH = b"W", b"F"
_PAGE = 4096
_COPIED_AT_ONCE = 1 << 20


class LogWriter:
    """Appends to a log. How long it is tells how far the disk is: who asks for that needs nothing but stat(2).

    Args:
        path: A new file.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def write(self, offset: int, data: bytes) -> None:
        """The disk was asked to write."""
        os.writev(self._descriptor, [_HEAD.pack(_WRITE, offset, len(data)), data])

    def flush(self) -> None:
        """The disk was asked to make durable what it has answered."""
        os.write(self._descriptor, _HEAD.pack(_FLUSH, 0, 0))


@dataclass(frozen=True, slots=True)
class Record:
    """One request to the disk.

    Attributes:
        end: How long the log was then.
        offset: Where on the disk.
        data: What was written; None: a flush.
    """

    end: int
    offset: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Cut:
    """What a power cut leaves.

    Attributes:
        position: How long the log was when the power went.
        durable: All records before this one are on the disk.
        written: What else got there, in this order.
        dropped: How many writes did not, or not wholly.
    """

    position: int
    durable: int
    written: tuple[Record, ...]
    dropped: int


class BlockLog:
    """A log that is read.

    Args:
        path: The file.

    Attributes:
        records: What it says.
    """

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        self.records: list[Record] = []
        at = 0
        while at < len(data):
            kind, offset, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size + length
            assert at <= len(data), "the log ends within a record"
            self.records.append(Record(at, offset, data[at - length : at] if kind == _WRITE else None))
        self._ends = [record.end for record in self.records]
        self._flushes = [number for number, record in enumerate(self.records) if record.data is None]
        self._of_writes = [number for number in self._flushes if number and self.records[number - 1].data is not None]

    def count(self, position: int) -> int:
        """How many records the log had when it was so long."""
        return bisect_right(self._ends, position)

    def choose(self, first: int, last: int, rng: random.Random) -> int:
        """After how many records to cut, from `first` to `last`: anywhere, or before a flush of writes.

        There the disk has the most to lose.
        """
        number = rng.randint(first, last)
        following = bisect_left(self._of_writes, number)
        if rng.random() < 0.5 and following < len(self._of_writes):
            return min(self._of_writes[following], last)
        return number

    def cut(self, number: int, rng: random.Random) -> Cut:
        """Let the power go after so many records.

        Of the writes after the last flush each is kept, dropped, or torn: a half of its sectors got there, or any of
        them. How likely each is differs from cut to cut, so that there are cuts at which almost everything got there
        but one write, and others at which almost nothing did.
        """
        before = bisect_right(self._flushes, number - 1)
        durable = self._flushes[before - 1] + 1 if before else 0
        keep, tear = rng.choice([0.02, 0.2, 0.5, 0.8, 0.98]), rng.choice([0.0, 0.1, 0.3])
        written: list[Record] = []
        dropped = 0
        for record in self.records[durable:number]:
            chance = rng.random()
            if chance < tear:
                written += _torn(record, rng)
                dropped += 1
            elif rng.random() < keep:
                written.append(record)
            else:
                dropped += 1
        end = self.records[number - 1].end if number else 0
        return Cut(end, durable, tuple(written), dropped)


def _torn(record: Record, rng: random.Random) -> Iterable[Record]:
    data = record.data or b""
    sectors = range(0, len(data), SECTOR)
    until = rng.randrange(len(sectors) + 1)
    first = rng.random() < 0.5
    for at in sectors:
        if at < until * SECTOR if first else rng.random() < 0.5:
            yield Record(record.end, record.offset + at, data[at : at + SECTOR])


class DiskImage:
    """The image of a disk, a sparse file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def write(self, records: Iterable[Record]) -> None:
        """Carry out writes."""
        for record in records:
            if record.data is not None:
                os.pwrite(self._descriptor, record.data, record.offset)

    def copy(self, path: Path) -> DiskImage:
        """A copy in a new file; holes stay holes."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            size = os.fstat(self._descriptor).st_size
            os.ftruncate(descriptor, size)
            for start, end in _extents(self._descriptor, size):
                for at in range(start, end, _COPIED_AT_ONCE):
                    os.pwrite(descriptor, os.pread(self._descriptor, min(end - at, _COPIED_AT_ONCE), at), at)
        finally:
            os.close(descriptor)
        return DiskImage(path)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _extents(descriptor: int, size: int) -> Iterable[tuple[int, int]]:
    at = 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:  # ENXIO: a hole up to the end
            return
        at = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, at
