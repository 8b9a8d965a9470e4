"""A journal in memory, and one in which another writer comes first: for the contract suite and for planning again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from artfs.catalog.journal import Journal, JournalConflictError, Position
from artfs.errors import IntegrityError
from artfs.format.journal import RawRecord, parse_record

__all__ = ["MemoryJournal", "RacedJournal"]


class MemoryJournal:
    """A journal whose records are in a list, as objects would be that can only be created where there is none."""

    def __init__(self, store_id: bytes) -> None:
        self._start = Position.start(store_id)
        self._records: list[bytes] = []
        self._ends = [self._start]
        self._lock = threading.Lock()

    def is_empty(self) -> bool:
        return not self._records

    def seek(self, after_seq: int, start: Position) -> Position:
        assert start == self._start
        return self._ends[min(after_seq, len(self._records))]

    def has_more(self, position: Position) -> bool:
        if position.seq > len(self._records):
            raise IntegrityError(f"the journal ends before record {position.seq}")
        return position.seq < len(self._records)

    def read(self, position: Position) -> Iterator[tuple[RawRecord, Position]]:
        while position.seq < len(self._records):
            data = self._records[position.seq]
            record = parse_record(data, 0)
            if record is None or (record.seq, record.previous) != (position.seq + 1, position.head):
                raise IntegrityError(f"record {position.seq + 1} does not follow the one before")
            position = position.after(data)
            yield record, position

    def read_durable(self, position: Position) -> Iterator[tuple[RawRecord, Position]]:
        return self.read(position)

    def append(self, expected: Position, record: bytes) -> None:
        with self._lock:
            if self.has_more(expected) or expected != self._ends[-1]:
                raise JournalConflictError(f"record {expected.seq + 1} is there already")
            self._records.append(record)
            self._ends.append(expected.after(record))

    def exclusive(self) -> AbstractContextManager[None]:
        return nullcontext()  # one process: `append` has the lock

    def close(self) -> None:
        pass


class RacedJournal:
    """A journal that lets another writer append first.

    Args:
        journal: The journal itself.
        rival: Called before the next append when `armed`; appends to the same journal.

    Attributes:
        armed: Before how many appends the rival is still to come.
        conflicts: How many appends have failed since another writer was first.
    """

    def __init__(self, journal: Journal, rival: Callable[[], object]) -> None:
        self._journal = journal
        self._rival = rival
        self.armed = 0
        self.conflicts = 0
        self.is_empty = journal.is_empty
        self.seek = journal.seek
        self.has_more = journal.has_more
        self.read = journal.read
        self.read_durable = journal.read_durable
        self.exclusive = journal.exclusive
        self.close = journal.close

    def append(self, expected: Position, record: bytes) -> None:
        if self.armed:
            self.armed -= 1
            self._rival()
        try:
            self._journal.append(expected, record)
        except JournalConflictError:
            self.conflicts += 1
            raise
