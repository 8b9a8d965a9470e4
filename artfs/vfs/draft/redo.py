"""The redo log of a draft: what changed since the last checkpoint. FORMAT.md, "Drafts: rows and redo log".

    header   20 bytes   magic `ATRL`, version, 3 zero bytes, epoch (8), CRC-32 of the bytes before
    record              length of the payload (4), CRC-32 of it and the payload (4), payload
    room                behind the end of the file: see below

Each CRC-32 goes on from that of the record before, the first from the header's. So a record is sound only behind the
very records that it was written behind: never in another log, and never behind others that took their place.

To remove something takes a record too. So that it can be done on a full disk, some room is always kept, where the file
system can keep it: only a change that frees room may take it.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import msgspec

from artfs.errors import StoreFormatError
from artfs.files import sync_directory, write_all
from artfs.format.malformed import MALFORMED
from artfs.vfs.draft.faults import damaged_rows
from artfs.vfs.draft.room import reserve

__all__ = ["Mark", "RedoLog", "log_path", "logs", "read_log"]

_HEADER: Final = struct.Struct("<4sB3xQ")
_CHECK: Final = struct.Struct("<I")
_RECORD: Final = struct.Struct("<II")
_HEADER_SIZE: Final = _HEADER.size + _CHECK.size
_MAGIC: Final = b"ATRL"
_VERSION: Final = 1
_KEPT: Final = 64 << 10
_AHEAD: Final = 64 << 10
_WITHOUT_LIMIT: Final = 1 << 63

_pack_length: Final = _CHECK.pack
_pack_record: Final = _RECORD.pack
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[tuple[bytes, bytes | None]]).decode


Changes: TypeAlias = Sequence[tuple[bytes, bytes | None]]
"""Rows and their values, None for one that is removed."""


class Mark(NamedTuple):
    """A place between two records.

    Attributes:
        end: Offset after the one before.
        check: CRC-32 of the one before.
    """

    end: int
    check: int


def logs(directory: Path) -> Iterator[Path]:
    """All logs in a draft's directory."""
    return directory.glob("redo-*.log")


def log_path(directory: Path, epoch: int) -> Path:
    """The log of an epoch in a draft's directory."""
    return directory / f"redo-{epoch}.log"


def _header(epoch: int) -> bytes:
    head = _HEADER.pack(_MAGIC, _VERSION, epoch)
    return head + _CHECK.pack(zlib.crc32(head))


def _first_mark(epoch: int) -> Mark:
    """Where the first record begins. Nothing depends on the header that is there: the name says the epoch."""
    return Mark(_HEADER_SIZE, zlib.crc32(_header(epoch)[: -_CHECK.size]))


def _check_of(payload: bytes, before: int) -> int:
    return zlib.crc32(payload, zlib.crc32(_pack_length(len(payload)), before))


def _whole_records(path: Path, descriptor: int, mark: Mark) -> Iterator[tuple[Changes, Mark]]:
    """All whole records from a mark on, each with the mark behind it.

    Raises:
        IntegrityError: A record is sound, and makes no sense.
        OSError: The system refused.
    """
    size = os.fstat(descriptor).st_size
    while mark.end + _RECORD.size <= size:
        length, check = _RECORD.unpack(os.pread(descriptor, _RECORD.size, mark.end))
        end = mark.end + _RECORD.size + length
        if not length or end > size:
            return
        payload = os.pread(descriptor, length, mark.end + _RECORD.size)
        if check != _check_of(payload, mark.check):
            return
        try:
            changes = _decode(payload)
        except MALFORMED as error:
            raise damaged_rows(f"{path.name}, offset {mark.end}: {error}") from error
        mark = Mark(end, check)
        yield changes, mark


def read_log(directory: Path, epoch: int) -> Iterator[Changes]:
    """Give the changes of all whole records of a log, which is not changed, and may grow meanwhile.

    Raises:
        FileNotFoundError: There is no such log.
        IntegrityError: A record is sound, and makes no sense.
        OSError: The system refused.
    """
    path = log_path(directory, epoch)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for changes, _mark in _whole_records(path, descriptor, _first_mark(epoch)):
            yield changes
    finally:
        os.close(descriptor)


class RedoLog:
    """One log, open for appending.

    Args:
        directory: The draft's.
        epoch: Of the rows that it belongs to.
        begin: Begin it, in the place of one that is there, with the room that is to be kept. Otherwise the one that is
            there has to be replayed next; if a crash came before there was one, it is begun.

    Attributes:
        path: Where it is.
        end: Offset after the last record.
        dropped: Bytes that `replay` found behind the last whole record.

    Raises:
        StoreFormatError: A newer artfs wrote it.
        OSError: The system refused.
    """

    def __init__(self, directory: Path, epoch: int, *, begin: bool = False) -> None:
        self.path = log_path(directory, epoch)
        self.dropped = 0
        self._header = _header(epoch)
        self._first = _first_mark(epoch)
        self._unsynced = False
        self._unnamed = True
        self._room = 0
        self._restart()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if begin else 0)
        self._descriptor = os.open(self.path, flags, 0o600)
        try:
            self._make_header()
            if begin:
                self._have_room(self.end + _KEPT)
        except BaseException:
            if begin:
                self.discard()
            self.close()
            raise

    def _restart(self) -> None:
        self.end, self._check = self._first

    def _make_header(self) -> None:
        """Make the header what it has to be. Nothing depends on what was there: the name says the epoch."""
        header = os.pread(self._descriptor, _HEADER_SIZE, 0)
        if header == self._header:
            return
        if len(header) == _HEADER_SIZE and header[:4] == _MAGIC and header[4] != _VERSION:
            checked, check = header[: -_CHECK.size], header[-_CHECK.size :]
            if check == _CHECK.pack(zlib.crc32(checked)):
                raise StoreFormatError(f"{self.path} is of version {header[4]}: a newer artfs is needed for this draft")
        write_all(self._descriptor, self._header, 0)

    @property
    def is_empty(self) -> bool:
        """Whether it has no record."""
        return self.end <= _HEADER_SIZE

    @property
    def mark(self) -> Mark:
        """The end, to `cut` back to."""
        return Mark(self.end, self._check)

    def replay(self) -> Iterator[Changes]:
        """Give the changes of all whole records, and cut off what comes after them.

        Raises:
            IntegrityError: A record is sound, and makes no sense.
            OSError: The system refused.
        """
        self._restart()
        size = os.fstat(self._descriptor).st_size
        for changes, mark in _whole_records(self.path, self._descriptor, self._first):
            yield changes
            self.end, self._check = mark
            self._unsynced = True
        if size > self.end:
            self.dropped += size - self.end
            self._shorten(self.end)

    def append(self, changes: Changes, *, frees: bool = False) -> None:
        """Add a record. It survives this process when this returns, and the machine after `sync`.

        Args:
            changes: What it has.
            frees: It may take the room that is kept.

        Raises:
            OSError: The disk said no; the log is as it was.
        """
        payload = _encode(changes)
        check = _check_of(payload, self._check)
        record = _pack_record(len(payload), check) + payload
        end = self.end + len(record)
        if end + _KEPT > self._room:
            try:
                self._have_room(end + _KEPT)
            except OSError:
                if not frees:
                    raise
        try:
            write_all(self._descriptor, record, self.end)
        except OSError:
            self._trim()
            raise
        self.end = end
        self._check = check
        self._unsynced = True

    def _have_room(self, end: int) -> None:
        """Have room up to an offset, and some more, so that it is seldom asked for.

        Raises:
            OSError: There is none.
        """
        for wanted in (end + _AHEAD, end):
            try:
                reserve(self._descriptor, self.end, wanted - self.end)
            except OSError as error:
                if error.errno in {errno.EOPNOTSUPP, errno.ENOSYS}:
                    self._room = _WITHOUT_LIMIT
                    return
                if wanted == end:
                    raise
            else:
                self._room = wanted
                return

    def _trim(self) -> None:
        """Give back the room of part of a record; what is left of it would mean nothing."""
        with suppress(OSError):
            self._shorten(self.end)

    def _shorten(self, size: int) -> None:
        """Make the file shorter, and ask again for what is to be kept, which that gives back."""
        os.ftruncate(self._descriptor, size)
        if self._room != _WITHOUT_LIMIT:
            self._room = 0

    def cut(self, mark: Mark) -> None:
        """Take back what was appended since.

        Raises:
            OSError: The system refused; it is there still.
        """
        self._shorten(mark.end)
        self.end, self._check = mark

    def sync(self) -> None:
        """Make it survive the machine.

        Raises:
            OSError: It may not, nor will it after repeating this.
        """
        if self._unsynced:
            os.fdatasync(self._descriptor)
            if self._unnamed:
                sync_directory(self.path.parent)
                self._unnamed = False
            self._unsynced = False

    def close(self) -> None:
        """Close it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Close and remove it. One that cannot be removed does no harm: it is of another epoch."""
        self.close()
        with suppress(OSError):
            self.path.unlink()
