"""The journal in local files: segments of records, appended to under a lock.

A segment is `<first seq, 16 digits>.journal`. It is created whole with its header (written aside, synced, renamed), so
only the last record of the last segment can ever be torn.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from artfs.catalog.file_lock import FileLock
from artfs.catalog.journal import JournalConflictError, JournalDamagedError, Position
from artfs.closing import Closing
from artfs.errors import IntegrityError, OutcomeUnknownError, StorageError
from artfs.files import sync_directory, write_all
from artfs.files.store_files import open_file, rename
from artfs.format.journal import (
    HASH_SIZE,
    SEGMENT_HEADER_SIZE,
    RawRecord,
    decode_segment_header,
    encode_segment_header,
    parse_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["LocalJournal"]


class LocalJournal(Closing):
    """The `Journal` in a directory. Creating the object touches no file.

    Args:
        directory: The directory, which exists.
        on_written: For tests: called between the write and the fsync of a record. An OSError from it is taken for a
            failed fsync.
    """

    def __init__(self, directory: Path, on_written: Callable[[], None] = lambda: None) -> None:
        self.directory = directory
        self._on_written = on_written
        self._lock = FileLock(directory / "lock", f"the journal {directory}")

    def close(self) -> None:
        """Close the lock file."""
        self._lock.close()

    def path(self, segment: int) -> Path:
        """The file of the segment that begins with record `segment`."""
        return self.directory / f"{segment:016d}.journal"

    def segments(self) -> list[int]:
        """The first seqs of all segments, in order."""
        return sorted(int(path.stem) for path in self.directory.glob("*.journal") if path.stem.isdecimal())

    def is_empty(self) -> bool:
        """No record was ever appended."""
        return not self.segments()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep all other processes from appending. Taken after LMDB's write lock where both are needed.

        LMDB's lock alone does not suffice: it belongs to one index, and an index can be replaced by another. The lock
        is an fcntl lock, so a child that is forked meanwhile does not have it. It may be taken again within itself.
        """
        with self._lock.taken():
            yield

    def seek(self, after_seq: int, start: Position) -> Position:
        """Find the beginning of the segment that has the record after `after_seq`; reads its header."""
        first = max((segment for segment in self.segments() if segment <= after_seq + 1), default=start.segment)
        if first == start.segment:
            return start
        position = Position(first, 0, first - 1, b"")
        try:
            return Position(first, 0, first - 1, decode_segment_header(self._load(position)).previous)
        except IntegrityError as error:
            raise self._damage("J1", str(error), position, 0) from error

    def has_more(self, position: Position) -> bool:
        """Something follows `position`: records, or the torn rest of one. Costs two calls of stat(2)."""
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
        """Yield the records after `position`. A torn record is the end, and no damage."""
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
        """Yield the records of one segment; return their end, and whether a torn record follows."""
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
        """The bytes of the segment after `position`."""
        path = self.path(position.segment)
        try:
            with open(open_file(path, os.O_RDONLY), "rb", buffering=0) as file:
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

    def read_durable(self, position: Position) -> Iterator[tuple[RawRecord, Position]]:
        """Yield the records after `position`, once they are synced and a torn record is cut off."""
        with self.exclusive():
            end = self._sync_tail(position)
        for record, after in self.read(position):
            if after.seq > end.seq:  # appended since, and perhaps not synced yet
                return
            yield record, after

    def _sync_tail(self, position: Position) -> Position:
        """Write and sync the last segment again, from `position` on if that is in it; return its end.

        A writer that died may not have synced its record; and after a failed fsync the kernel takes its pages for
        clean. So the records are written once more, then synced. Those before the last one need it never: a record is
        appended only to a journal that is durable. The caller holds `exclusive`.
        """
        begin = end = self.seek(max(self.segments(), default=position.segment) - 1, position)
        for _record, end in self.read(begin):  # noqa: B007 # the last one counts
            pass
        path = self.path(begin.segment)
        try:
            if path.exists():
                descriptor = open_file(path, os.O_RDWR)
                try:
                    os.ftruncate(descriptor, end.length or SEGMENT_HEADER_SIZE)
                    size = os.fstat(descriptor).st_size
                    write_all(descriptor, os.pread(descriptor, size - begin.length, begin.length), begin.length)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            sync_directory(self.directory)
        except OSError as error:
            raise StorageError.of(error, f"mending {path}") from error
        return end

    def append(self, expected: Position, record: bytes) -> None:
        """Append an encoded record if the journal ends at `expected`, without a torn record after it."""
        with self.exclusive():
            if self.has_more(expected):
                raise JournalConflictError(f"record {expected.seq + 1} of the journal is another writer's: try again")
            if expected.length:
                last_hash = self._load(msgspec.structs.replace(expected, length=expected.length - HASH_SIZE))
                if last_hash != expected.head:
                    raise self._damage("J8", "the last journal record is not as the index knows it", expected, 0)
            self._append(expected, record)

    def _append(self, end: Position, record: bytes) -> None:
        segment, offset = (end.seq + 1, SEGMENT_HEADER_SIZE) if end.rolls else (end.segment, end.length)
        path = self.path(segment)
        try:
            if end.rolls:
                self._make_segment(segment, end.head)
            descriptor = open_file(path, os.O_RDWR)
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
                self._on_written()
                os.fsync(descriptor)
            except OSError as error:
                raise OutcomeUnknownError(
                    f"whether the change is durable is not known ({os.strerror(error.errno or 0)} while syncing"
                    f" {path}): look before you repeat it"
                ) from error
        finally:
            os.close(descriptor)

    def _make_segment(self, first_seq: int, previous: bytes) -> None:
        """Put a segment without records in place, also over one that was left without records."""
        aside = self.directory / "new"
        descriptor = open_file(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_all(descriptor, encode_segment_header(first_seq, previous), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        rename(aside, self.path(first_seq))
        sync_directory(self.directory)
