"""The journal of a store at a URL: records in objects, mirrored in local segments.

The objects are the journal (`artfs.remotes.CommitLog`). The mirror is a `LocalJournal`, byte for byte what a local
store would have, from which everything is read; `pull` fetches what other machines appended. A record that is in the
object store and not in the mirror is committed all the same: the next pull fetches it.

Lock order: the publish lock (`exclusive`), then LMDB's, then the mirror's. Requests are made with the publish lock
alone, so that nobody who reads waits for the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final

from artfs.catalog.file_lock import FileLock
from artfs.catalog.journal import JournalConflictError, JournalDamagedError, Position
from artfs.catalog.local_journal import LocalJournal
from artfs.closing import Closing
from artfs.errors import ArtfsError, IntegrityError
from artfs.format.journal import RawRecord, parse_record
from artfs.remotes import CommitLog

__all__ = ["RemoteJournal"]

_END: Final = 1 << 63


class RemoteJournal(Closing):
    """The `Journal` of a store at a URL. Creating the object sends no request.

    Args:
        log: The records.
        directory: Of the mirror, which exists.
        store_id: The store's id.
    """

    def __init__(self, log: CommitLog, directory: Path, store_id: bytes) -> None:
        self.log = log
        self._mirror = LocalJournal(directory)
        self._start = Position.start(store_id)
        self._known: Position | None = None
        self._lock = FileLock(directory / "publish.lock", "the right to publish to the store")

    def close(self) -> None:
        """Close the lock files."""
        self._mirror.close()
        self._lock.close()

    def is_empty(self) -> bool:
        """The mirror has no record."""
        return self._mirror.is_empty()

    def seek(self, after_seq: int, start: Position) -> Position:
        """Find a position close before the record that follows `after_seq`; see `Journal.seek`."""
        return self._mirror.seek(after_seq, start)

    def has_more(self, position: Position) -> bool:
        """Something follows `position` in the mirror; no request is sent."""
        return self._mirror.has_more(position)

    def read(self, position: Position) -> Iterator[tuple[RawRecord, Position]]:
        """Yield the mirror's records after `position`."""
        return self._mirror.read(position)

    def read_durable(self, position: Position) -> Iterator[tuple[RawRecord, Position]]:
        """Yield the mirror's records after `position`, which are durable elsewhere and synced here."""
        return self._mirror.read_durable(position)

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep the other processes of this machine from appending. It may be taken again within itself."""
        return self._lock.taken()

    def pull(self) -> int:
        """Fetch the records that the mirror lacks; return how many.

        Raises:
            IntegrityError: They do not follow the mirror's: there are two histories, or damage.
            StoreError: The server does not answer, or refuses.
        """
        fetched = 0
        end = self._end()
        for data in self.log.get_after(end.seq):
            end = self._take(end, data)
            fetched += 1
        return fetched

    def append(self, expected: Position, record: bytes) -> None:
        """Append an encoded record if the journal ends at `expected`: **the commit point** is in the object store."""
        with self.exclusive():
            if self._mirror.has_more(expected):
                raise JournalConflictError(f"record {expected.seq + 1} of the journal is another writer's: try again")
            end = self._end()
            if (end.seq, end.head) != (expected.seq, expected.head):
                raise JournalDamagedError("J8", "the last journal record is not as the index knows it")
            other = self.log.append(expected.seq + 1, record)
            if other is not None:
                self._take(expected, other)
                raise JournalConflictError(f"record {expected.seq + 1} of the journal is another writer's: try again")
            with suppress(ArtfsError):  # it is committed: what the mirror lacks is pulled
                self._take(expected, record)

    def _end(self) -> Position:
        """Return the end of the mirror, from which a torn record is cut off."""
        known = self._known
        begin = known or self._mirror.seek(_END, self._start)
        end = begin
        if known is None or self._mirror.has_more(begin):
            for _record, end in self._mirror.read_durable(begin):  # noqa: B007 # the last one counts
                pass
        self._known = end
        return end

    def _take(self, end: Position, data: bytes) -> Position:
        """Append a record that was fetched to the mirror; another process may have done so already."""
        try:
            record = parse_record(data, 0)
        except IntegrityError as error:
            raise JournalDamagedError("J5", f"record {end.seq + 1} of the store is damaged: {error}") from error
        if record is None or record.size != len(data):
            raise JournalDamagedError("J5", f"record {end.seq + 1} of the store is damaged: it is not whole")
        if (record.seq, record.previous) != (end.seq + 1, end.head):
            raise self._two_histories(end)
        after = end.after(data)
        try:
            self._mirror.append(end, data)
        except JournalConflictError:
            for mirrored, _position in self._mirror.read_durable(end):
                if mirrored.hash != record.hash:
                    raise self._two_histories(end) from None
                return after
            return self._take(end, data)  # what followed was torn, and is cut off now
        return after

    def _two_histories(self, end: Position) -> JournalDamagedError:
        return JournalDamagedError(
            "J4",
            f"the store has two histories: its record {end.seq + 1} does not follow the one that this machine knows."
            " Objects below journal/ were deleted or written over: stop writing, and restore them",
        )
