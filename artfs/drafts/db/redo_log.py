"""Redo log of a draft: the changes since the last checkpoint (FORMAT.md, "Redo log").

`redo_records` has the bytes of header and records. Behind the end of the file there is a reserve: removing something
takes a record too, and so that it can be done on a full disk, space is allocated, where the file system can do that,
which only changes that release space may use.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from artfs.drafts.db.redo_records import (
    HEADER_SIZE,
    MAGIC,
    VERSION,
    Changes,
    LogDamage,
    LogPosition,
    format_of,
    has_sound_check,
)
from artfs.errors import StoreFormatError
from artfs.files import preallocate, sync_directory, write_all
from artfs.files.store_files import open_file, remove_file

__all__ = ["RedoLog", "damaged_log_path", "log_path", "logs", "read_log"]

_RESERVE: Final = 64 << 10
_AHEAD: Final = 64 << 10
_NO_RESERVE: Final = 1 << 63
"""The file system cannot allocate ahead."""


def logs(directory: Path) -> Iterator[Path]:
    """Paths of all logs in a draft's directory."""
    return directory.glob("redo-*.log")


def log_path(directory: Path, epoch: int) -> Path:
    """Path of the log of an epoch in a draft's directory."""
    return directory / f"redo-{epoch}.log"


def damaged_log_path(directory: Path, epoch: int) -> Path:
    """Path where a damaged log is kept."""
    return directory / f"damaged-{epoch}.log"


def read_log(directory: Path, epoch: int) -> Iterator[Changes | LogDamage]:
    """Yield what `RedoLog.replay` would, of a log that another process may be writing.

    Raises:
        FileNotFoundError: There is no such log.
        IntegrityError: A record is sound, and no list of changes.
        OSError: The system refused.
    """
    path = log_path(directory, epoch)
    descriptor = open_file(path, os.O_RDONLY)
    try:
        layout = format_of(descriptor, path.name, epoch)
        damaged = os.pread(descriptor, HEADER_SIZE, 0) != layout.header
        for step in layout.replay(descriptor):
            if damaged:
                damaged = False
                yield LogDamage(0, HEADER_SIZE)
            yield step.found
    finally:
        os.close(descriptor)


class RedoLog:
    """One log, open for appending.

    Args:
        directory: The draft's.
        epoch: Of the rows that it belongs to.
        begin: Begin an empty log with its reserve, in place of an existing one. Otherwise the existing log has to be
            replayed next; one that a crash left missing is begun.

    Attributes:
        path: Its path.
        end: Offset after the last record.
        dropped: Bytes that `replay` found behind the last sound record.

    Raises:
        StoreFormatError: A newer artfs wrote it.
        OSError: The system refused.
    """

    def __init__(self, directory: Path, epoch: int, *, begin: bool = False) -> None:
        self.path = log_path(directory, epoch)
        self.dropped = 0
        self._unsynced = False
        self._is_new_name = True
        self._allocated = 0
        flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if begin else 0)
        self._descriptor = open_file(self.path, flags)
        try:
            self._format = format_of(self._descriptor, self.path.name, epoch)
            self.end, self._check = self._format.first
            self._synced = 0
            self._write_header()
            if begin:
                self._allocate(self.end + _RESERVE)
        except BaseException:
            if begin:
                self.discard()
            self.close()
            raise

    def _write_header(self) -> None:
        """Write the header, whatever was in its place: all of it is known."""
        header = os.pread(self._descriptor, HEADER_SIZE, 0)
        self._header_damaged = header != self._format.header
        if not self._header_damaged:
            return
        if has_sound_check(header) and header.startswith(MAGIC) and header[4] > VERSION:
            raise StoreFormatError(f"{self.path} is of version {header[4]}: a newer artfs is needed for this draft")
        write_all(self._descriptor, self._format.header, 0)

    @property
    def is_empty(self) -> bool:
        """True if it has no record."""
        return self.end <= HEADER_SIZE

    @property
    def position(self) -> LogPosition:
        """The position after the last record."""
        return LogPosition(self.end, self._check)

    def replay(self) -> Iterator[Changes | LogDamage]:
        """Yield the changes of all sound records and what is damaged between them, and cut off what follows the last.

        A damaged header, which loses nothing, comes first.

        Raises:
            IntegrityError: A record is sound, and no list of changes.
            OSError: The system refused.
        """
        self.end, self._check = self._format.first
        self._synced = 0
        size = os.fstat(self._descriptor).st_size
        for step in self._format.replay(self._descriptor):
            if self._header_damaged:
                self._header_damaged = False
                yield LogDamage(0, HEADER_SIZE)
            yield step.found
            (self.end, self._check), self._synced = step.position, step.synced
            self._unsynced = True
        if size > self.end:
            self.dropped += size - self.end
            self._truncate(self.end)

    def append(self, changes: Changes, *, releases_space: bool = False) -> None:
        """Append a record. When this returns it survives the process, and after `sync` the machine.

        Args:
            changes: What it has.
            releases_space: It may use the reserve.

        Raises:
            OSError: The disk said no; the log is as it was.
        """
        record, check = self._format.encode(changes, self.position, self._synced)
        end = self.end + len(record)
        if end + _RESERVE > self._allocated:
            try:
                self._allocate(end + _RESERVE)
            except OSError:
                if not releases_space:
                    raise
        try:
            write_all(self._descriptor, record, self.end)
        except OSError:
            with suppress(OSError):  # what is left of the record is not complete, so never replayed
                self._truncate(self.end)
            raise
        self.end = end
        self._check = check
        self._unsynced = True

    def _allocate(self, end: int) -> None:
        """Allocate space up to an offset, and more if possible, so that it is seldom necessary.

        Raises:
            OSError: The disk is full.
        """
        for wanted in (end + _AHEAD, end):
            try:
                preallocate(self._descriptor, self.end, wanted - self.end)
            except OSError as error:
                if error.errno in {errno.EOPNOTSUPP, errno.ENOSYS}:
                    self._allocated = _NO_RESERVE
                    return
                if wanted == end:
                    raise
            else:
                self._allocated = wanted
                return

    def _truncate(self, size: int) -> None:
        """Make the file shorter, which frees the reserve: the next record allocates it again."""
        os.ftruncate(self._descriptor, size)
        if self._allocated != _NO_RESERVE:
            self._allocated = 0

    def truncate_to(self, position: LogPosition) -> None:
        """Remove the records after a position.

        Raises:
            OSError: The system refused; they are still there.
        """
        self._truncate(position.end)
        self.end, self._check = position
        self._synced = min(self._synced, self.end)

    def sync(self) -> None:
        """Make all records durable.

        Raises:
            OSError: They may not be durable, and repeating this would not make them so.
        """
        if self._unsynced:
            os.fdatasync(self._descriptor)
            if self._is_new_name:
                sync_directory(self.path.parent)
                self._is_new_name = False
            self._unsynced = False
            self._synced = self.end

    def close(self) -> None:
        """Close it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Close and remove it. One that cannot be removed does no harm: it is of another epoch."""
        self.close()
        with suppress(OSError):
            remove_file(self.path)
