"""The journal: an append-only chain of records with a compare-and-swap append.

The journal is the authority on the catalog: a change has happened when its record is in the journal, and the index is
derived from it. `LocalJournal` keeps it in files under a lock. An implementation without locks, over objects that can
only be created if they are absent, fits the same protocol: the object of a record is named after its seq.

- A record is appended at a position, and only if the journal ends there. Who loses a race plans the change again.
- Records are never changed or removed.
- A position is where a record ends in a local segment file, also for a journal that only mirrors its records locally.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final, Protocol

import msgspec

from artfs.errors import ConflictError, IntegrityError
from artfs.format.journal import HASH_SIZE, SEGMENT_HEADER_SIZE, RawRecord, genesis

__all__ = ["SEGMENT_SIZE", "Journal", "JournalConflictError", "JournalDamagedError", "Position"]

SEGMENT_SIZE: Final = 16 << 20
"""A segment as long as this gets no more records."""


class JournalDamagedError(IntegrityError):
    """The journal is damaged.

    Attributes:
        invariant: The invariant of docs/FORMAT.md that does not hold.
    """

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__(message)
        self.invariant = invariant


class JournalConflictError(ConflictError):
    """Another writer's record is where one was to be appended. Nothing was written."""


class Position(msgspec.Struct, frozen=True):
    """A place in the journal between two records.

    Attributes:
        segment: First seq of the segment.
        length: Bytes of the segment up to here; 0 only before the very first record.
        seq: Seq of the record that ends here; 0 at the beginning.
        head: The hash of that record.
    """

    segment: int
    length: int
    seq: int
    head: bytes

    @classmethod
    def start(cls, store_id: bytes) -> Position:
        """The beginning of a store's journal."""
        return cls(1, 0, 0, genesis(store_id))

    @property
    def rolls(self) -> bool:
        """The next record begins a new segment."""
        return not self.length or self.length >= SEGMENT_SIZE

    def after(self, record: bytes) -> Position:
        """The end of the journal once an encoded record is appended here."""
        seq, head = self.seq + 1, record[-HASH_SIZE:]
        if self.rolls:
            return Position(seq, SEGMENT_HEADER_SIZE + len(record), seq, head)
        return Position(self.segment, self.length + len(record), seq, head)


class Journal(Protocol):
    """A store's journal. `tests/catalog/test_journal_contract.py` checks every implementation."""

    def is_empty(self) -> bool:
        """No record was ever appended."""

    def seek(self, after_seq: int, start: Position) -> Position:
        """Find a position close before the record that follows `after_seq`, to read from there.

        Args:
            after_seq: A seq.
            start: The journal's beginning.

        Raises:
            IntegrityError: The journal is damaged.
        """

    def has_more(self, position: Position) -> bool:
        """Something follows `position`: records, or the torn rest of one. Cheap: every command asks.

        Raises:
            IntegrityError: The journal ends before `position`.
        """

    def read(self, position: Position) -> Iterator[tuple[RawRecord, Position]]:
        """Yield the records after `position`, verified, each with the position after it.

        Raises:
            IntegrityError: The journal is damaged; says where.
        """

    def read_durable(self, position: Position) -> Iterator[tuple[RawRecord, Position]]:
        """Yield the records after `position` that survive a power cut from now on.

        They are what may be applied to the index, which is synced and must not be ahead of the journal.

        Raises:
            IntegrityError: The journal is damaged.
            StorageError: The system refused.
        """

    def append(self, expected: Position, record: bytes) -> None:
        """Append an encoded record if the journal ends at `expected`: **the commit point**.

        The record is durable when this returns.

        Args:
            expected: The end of the journal that the record was made for; the record follows `expected.head`.
            record: As `encode_record` returns it.

        Raises:
            JournalConflictError: Something follows `expected`: the record is not in the journal.
            IntegrityError: The journal is another one than the caller knows.
            StorageError: The system refused; the record is not in the journal.
            OutcomeUnknownError: Whether the record is durable is not known.
        """

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep the other processes of this machine from appending. It may be taken again within itself."""

    def close(self) -> None:
        """Release what is open."""
