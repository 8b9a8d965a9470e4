"""Ranges of a draft's files that writes were refused for, as on a full disk.

The kernel gathers writes and mapped pages. When it hands them over, the program that made them may be gone or not look:
the bytes are nowhere, and only the server of the draft knows. So each range is a row until it is written again, cut
off, or its file is removed. Meanwhile reads of it fail, and no commit takes the file.

- The ranges of a file are not empty, do not overlap and do not touch.
- What could not be recorded, since the disk had no room for that either, counts all the same, and is recorded later.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple

from artfs.drafts.db.schema import RowReader, decode_refused, encode_refused, refused_key, u64_key
from artfs.drafts.namespace.transaction import Transaction, Transactions

__all__ = ["RefusedWrites", "is_refused"]

_END: Final = 1 << 63


class _Range(NamedTuple):
    """Offset of the first byte, and offset after the last."""

    start: int
    end: int


def is_refused(rows: RowReader, ino: int) -> bool:
    """Return whether a file has a range that a write was refused for."""
    return bool(rows.items(b"R" + u64_key(ino), limit=1))


class RefusedWrites:
    """Refused ranges of all files of a draft, in memory and as rows.

    Args:
        transactions: Of the draft.

    Attributes:
        files: The ranges in order, by inode.
        unrecorded: Inodes whose rows are not as `files` has it.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._database = transactions.database
        self.unrecorded: set[int] = set()
        self.files: dict[int, list[_Range]] = {}
        for key, value in self._database.items(b"R"):
            ino, start = int.from_bytes(key[:8]), int.from_bytes(key[8:])
            self.files.setdefault(ino, []).append(_Range(start, decode_refused(value)))

    def overlaps(self, ino: int, start: int, end: int) -> bool:
        """Return whether a range of a file has bytes that a write was refused for."""
        ranges = self.files.get(ino, [])
        at = bisect_right(ranges, (start, _END)) - 1
        return (at >= 0 and start < min(end, ranges[at].end)) or (at + 1 < len(ranges) and ranges[at + 1].start < end)

    def add(self, txn: Transaction, ino: int, start: int, end: int) -> int:
        """Add a range, and return where the last one of the file ends.

        It counts from now on, even if the transaction cannot be committed.
        """
        ranges = self.files.setdefault(ino, [])
        first = bisect_left(ranges, start, key=lambda old: old.end)
        last = bisect_right(ranges, end, key=lambda old: old.start)
        old = ranges[first:last]
        if old:
            start, end = min(start, old[0].start), max(end, old[-1].end)
        new = _Range(start, end)
        if ino in self.unrecorded:
            self._put_in_place(txn, ino, [*ranges[:first], new, *ranges[last:]])
        elif old != [new]:
            _put(txn, ino, old, [new])
        ranges[first:last] = [new]
        self.unrecorded.add(ino)
        txn.on_commit(lambda: self.unrecorded.discard(ino))
        return ranges[-1].end

    def clear(self, txn: Transaction, ino: int, start: int = 0, end: int = _END) -> None:
        """Take out what was written or cut off, once the transaction is committed."""
        ranges = self.files.get(ino)
        if ranges is None:
            return
        first = bisect_right(ranges, start, key=lambda old: old.end)
        last = bisect_left(ranges, end, key=lambda old: old.start)
        old = ranges[first:last]
        if not old:
            return
        new = [
            piece
            for piece in (_Range(old[0].start, min(start, old[0].end)), _Range(max(end, old[-1].start), old[-1].end))
            if piece.start < piece.end
        ]
        if ino in self.unrecorded:
            self._put_in_place(txn, ino, [*ranges[:first], *new, *ranges[last:]])
        else:
            _put(txn, ino, old, new)

        def cleared() -> None:
            ranges[first:last] = new
            self.unrecorded.discard(ino)
            if not ranges:
                del self.files[ino]

        txn.on_commit(cleared)

    def put_all(self, txn: Transaction, ino: int) -> int:
        """Put all ranges of a file in place of its rows; return where the last one ends."""
        self._put_in_place(txn, ino, self.files[ino])
        txn.on_commit(lambda: self.unrecorded.discard(ino))
        return self.files[ino][-1].end

    def _put_in_place(self, txn: Transaction, ino: int, ranges: list[_Range]) -> None:
        for key, _value in self._database.items(b"R" + u64_key(ino)):
            txn.delete(refused_key(ino, int.from_bytes(key)))
        _put(txn, ino, [], ranges)


def _put(txn: Transaction, ino: int, old: list[_Range], new: list[_Range]) -> None:
    for before in old:
        txn.delete(refused_key(ino, before.start))
    for after in new:
        txn.put(refused_key(ino, after.start), encode_refused(after.end))
