"""The journal on disk: segments of records, read and verified from any position, appended to under a lock.

A segment is `<first seq, 16 digits>.journal`. Its header comes into being whole (written aside, synced, renamed), so
that only the last record of the last segment can ever be torn.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from artfs.errors import IntegrityError, OutcomeUnknownError, StorageError
from artfs.files import sync_directory, write_all
from artfs.format.journal import (
    SEGMENT_HEADER_SIZE,
    RawRecord,
    decode_segment_header,
    encode_segment_header,
    genesis,
    parse_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["SEGMENT_SIZE", "Journal", "JournalDamagedError", "Position"]

SEGMENT_SIZE: Final = 16 << 20
"""A segment as long as this gets no more records."""


class JournalDamagedError(IntegrityError):
    """The journal is damaged.

    Attributes:
        invariant: Which invariant of docs/FORMAT.md does not hold.
    """

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__(message)
        self.invariant = invariant


class Position(msgspec.Struct, frozen=True):
    """A place in the journal between two records.

    Attributes:
        segment: First seq of the segment.
        length: Bytes of it that lie before; 0 only before the very first record.
        seq: The last record before; 0 at the beginning.
        head: Its hash.
    """

    segment: int
    length: int
    seq: int
    head: bytes

    @classmethod
    def start(cls, store_id: bytes) -> Position:
        """The beginning of a store's journal."""
        return cls(1, 0, 0, genesis(store_id))

    def after(self, seq: int, size: int, own: bytes) -> Position:
        """Where the journal ends when a record of `size` bytes and hash `own` is appended here."""
        if not self.length or self.length >= SEGMENT_SIZE:
            return Position(seq, SEGMENT_HEADER_SIZE + size, seq, own)
        return Position(self.segment, self.length + size, seq, own)


class Journal:
    """A store's journal directory. Making one touches no file.

    Args:
        directory: The directory, which exists.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = -1
        self._thread_lock = threading.RLock()
        self._depth = 0

    def close(self) -> None:
        """Close what is open."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def path(self, segment: int) -> Path:
        """The file of the segment whose first record is `segment`."""
        return self.directory / f"{segment:016d}.journal"

    def segments(self) -> list[int]:
        """First seqs of the segments there are, in order."""
        return sorted(int(path.stem) for path in self.directory.glob("*.journal") if path.stem.isdecimal())

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep all other processes from appending. Taken after LMDB's write lock where both are held.

        LMDB's lock alone would not do: it belongs to one index, and an index can be replaced by another. The lock is an
        fcntl lock, so a child forked meanwhile does not hold it. It may be taken again within itself.
        """
        with self._thread_lock:
            if not self._depth:
                self._take_lock()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def _take_lock(self) -> None:
        try:
            if self._lock < 0:
                self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.lockf(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            raise StorageError.of(error, f"locking the journal {self.directory}") from error

    def near(self, after_seq: int, start: Position) -> Position:
        """Give the beginning of the segment that holds the record after `after_seq`: no more need be read.

        Args:
            after_seq: A seq.
            start: The journal's beginning.

        Raises:
            IntegrityError: The segment's header is damaged.
        """
        first = max((segment for segment in self.segments() if segment <= after_seq + 1), default=start.segment)
        if first == start.segment:
            return start
        position = Position(first, 0, first - 1, b"")
        try:
            return Position(first, 0, first - 1, decode_segment_header(self._load(position)).previous)
        except IntegrityError as error:
            raise self._damage("J1", str(error), position, 0) from error

    def is_behind(self, position: Position) -> bool:
        """Whether anything follows `position`: records, or the torn rest of one. Costs two stats.

        Raises:
            IntegrityError: The journal ends before `position`.
        """
        size = self._size(position.segment)
        if size < position.length:
            raise IntegrityError(
                f"journal segment {self.path(position.segment).name} is cut off or missing: the index knows"
                f" {position.length} bytes of it, there are {size}: run `artfs fsck`"
            )
        if size > max(position.length, SEGMENT_HEADER_SIZE):
            return True
        return position.segment != position.seq + 1 and self._size(position.seq + 1) > SEGMENT_HEADER_SIZE

    def _size(self, segment: int) -> int:
        try:
            return self.path(segment).stat().st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StorageError.of(error, f"looking at journal segment {segment}") from error

    def read(self, position: Position) -> Iterator[tuple[RawRecord, Position]]:
        """Yield the records after `position`, verified, each with the position after it. A torn record is the end.

        Raises:
            IntegrityError: Anything else about the journal is wrong; says segment, offset and seq.
        """
        present = self.segments()
        visited = {position.segment}
        while True:
            position, torn = yield from self._read_segment(position)
            following = position.seq + 1
            if torn or following in visited or following not in present:
                break
            visited.add(following)
            position = Position(following, 0, position.seq, position.head)
        stray = [segment for segment in present if segment > position.segment and segment not in visited]
        if stray:
            raise JournalDamagedError(
                "J7" if torn else "J3",
                f"the journal breaks off after record {position.seq}, before segment {self.path(stray[0]).name}:"
                " run `artfs fsck`",
            )

    def _read_segment(self, position: Position) -> Generator[tuple[RawRecord, Position], None, tuple[Position, bool]]:
        """Yield the records of one segment; return where they end, and whether a torn one follows."""
        data, base, at = self._load(position), position.length, 0
        if not base and data:
            self._check_header(data, position)
            at = SEGMENT_HEADER_SIZE
        while at < len(data):
            try:
                record = parse_record(data, at, base)
            except IntegrityError as error:
                raise self._damage("J5", str(error), position, base + at) from error
            if record is None:
                return position, True
            if record.seq != position.seq + 1 or record.previous != position.head:
                broken = "J4" if record.seq == position.seq + 1 else "J3"
                what = f"journal record {record.seq} does not follow the one before"
                raise self._damage(broken, what, position, base + at)
            at += record.size
            position = Position(position.segment, base + at, record.seq, record.hash)
            yield record, position
        return position, False

    def _load(self, position: Position) -> bytes:
        """The bytes of the segment behind `position`."""
        path = self.path(position.segment)
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(position.length)
                return file.read()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise StorageError.of(error, f"reading {path}") from error

    def _check_header(self, data: bytes, position: Position) -> None:
        try:
            header = decode_segment_header(data)
        except IntegrityError as error:
            raise self._damage("J1", str(error), position, 0) from error
        if header.first_seq != position.segment:
            raise self._damage("J1", "journal segment is not named after its first record", position, 0)
        if header.previous != position.head:
            raise self._damage("J2", "journal segment does not follow the one before", position, 0)

    def _damage(self, invariant: str, what: str, position: Position, offset: int) -> JournalDamagedError:
        return JournalDamagedError(
            invariant,
            f"{what}: segment {self.path(position.segment).name}, offset {offset}, after record {position.seq}:"
            " run `artfs fsck`",
        )

    def settle(self, position: Position) -> None:
        """Make what follows `position` fit to be applied: cut off a torn record, and get the whole ones to the disk.

        A writer that died may not have synced them; and if its fsync failed, the kernel holds them for clean. So they
        are written once more, then synced. The caller holds `exclusive`.

        Raises:
            IntegrityError: The records are damaged.
            StorageError: The system refused.
        """
        end = position
        for _record, after in self.read(position):
            end = after
        for segment in self.segments():
            if segment < position.segment:
                continue
            begin = position.length if segment == position.segment else 0
            keep = None
            if segment > end.segment or (segment == end.segment and not end.length):
                keep = SEGMENT_HEADER_SIZE
            elif segment == end.segment:
                keep = end.length
            self._rewrite(segment, begin, keep)
        try:
            sync_directory(self.directory)
        except OSError as error:
            raise StorageError.of(error, f"syncing {self.directory}") from error

    def _rewrite(self, segment: int, begin: int, keep: int | None) -> None:
        path = self.path(segment)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if keep is not None:
                    os.ftruncate(descriptor, keep)
                size = os.fstat(descriptor).st_size
                write_all(descriptor, os.pread(descriptor, size - begin, begin), begin)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StorageError.of(error, f"mending {path}") from error

    def append(self, position: Position, record: bytes, written: Callable[[], None]) -> None:
        """Append an encoded record at `position`, the end of the journal. Durable when this returns.

        The caller holds `exclusive`.

        Args:
            position: Where the journal ends, as `is_behind` has just confirmed.
            record: Whole, as `encode_record` gives it.
            written: Called between write and fsync; an OSError from it is taken for a failed fsync.

        Raises:
            StorageError: The system refused; the record is not in the journal.
            OutcomeUnknownError: Written, but the fsync failed.
        """
        rolls = not position.length or position.length >= SEGMENT_SIZE
        segment, offset = (position.seq + 1, SEGMENT_HEADER_SIZE) if rolls else (position.segment, position.length)
        path = self.path(segment)
        try:
            if rolls:
                self._make_segment(segment, position.head)
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise StorageError.of(error, f"writing {path}") from error
        try:
            try:
                write_all(descriptor, record, offset)
            except BaseException as error:
                with suppress(OSError):  # if this fails, the next writer cuts it off
                    os.ftruncate(descriptor, offset)
                if isinstance(error, OSError):
                    raise StorageError.of(error, f"writing {path}") from error
                raise
            try:
                written()
                os.fsync(descriptor)
            except OSError as error:
                raise OutcomeUnknownError(
                    f"whether the change is durable is not known ({os.strerror(error.errno or 0)} while syncing"
                    f" {path}): look before you repeat it"
                ) from error
        finally:
            os.close(descriptor)

    def _make_segment(self, first_seq: int, previous: bytes) -> None:
        """Put a segment of no records in place, also of one that was left without records."""
        aside = self.directory / "new"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(descriptor, encode_segment_header(first_seq, previous), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        aside.rename(self.path(first_seq))
        sync_directory(self.directory)
