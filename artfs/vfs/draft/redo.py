"""The redo log of a draft: changes since the last checkpoint, as FORMAT.md ("Drafts") lays them out.

    header   16 bytes   magic `ATRL`, version, 3 zero bytes, epoch (8 bytes)
    record   length of the payload (4), CRC-32 of epoch, position and payload (4), payload

All numbers are little-endian. A payload is a msgpack array of pairs: a key, and its value or nil. A record is whole or
was never acknowledged: reading stops at the first that is cut off or damaged.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from artfs.errors import IntegrityError

__all__ = ["RedoLog", "log_path", "logs"]

Changes = Sequence[tuple[bytes, bytes | None]]

_HEADER: Final = struct.Struct("<4sB3xQ")
_RECORD: Final = struct.Struct("<II")
_SALT: Final = struct.Struct("<QQ")
_MAGIC: Final = b"ATRL"
_VERSION: Final = 1

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[bytes, bytes | None]]).decode


def log_path(directory: Path, epoch: int) -> Path:
    """Where the log of an epoch is."""
    return directory / f"redo-{epoch}.log"


def logs(directory: Path) -> Iterator[Path]:
    """All logs in a draft's directory."""
    return directory.glob("redo-*.log")


class RedoLog:
    """One log, open for appending. `create` and `open` make one.

    Attributes:
        path: Where it is.
        end: Bytes in it, all of whole records.
    """

    def __init__(self, path: Path, descriptor: int, epoch: int, end: int) -> None:
        self.path = path
        self.end = end
        self._epoch = epoch
        self._descriptor = descriptor

    @classmethod
    def create(cls, directory: Path, epoch: int) -> Self:
        """Begin a log; one that is there under that name was never used.

        Raises:
            OSError: The disk said no.
        """
        path = log_path(directory, epoch)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        log = cls(path, descriptor, epoch, 0)
        try:
            log._append(_HEADER.pack(_MAGIC, _VERSION, epoch))
        except OSError:
            log.discard()
            raise
        return log

    @classmethod
    def open(cls, directory: Path, epoch: int) -> Self:
        """Open the log of an epoch, or begin it: a crash may have come before it was there.

        Raises:
            OSError: It cannot be read.
            IntegrityError: It is of another version of artfs.
        """
        path = log_path(directory, epoch)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return cls.create(directory, epoch)
        header = os.pread(descriptor, _HEADER.size, 0)
        if len(header) < _HEADER.size or header[:4] != _MAGIC or _HEADER.unpack(header)[2] != epoch:
            os.close(descriptor)  # its header never reached the disk, so nothing in it was ever synced
            return cls.create(directory, epoch)
        if header[4] != _VERSION:
            os.close(descriptor)
            raise IntegrityError(f"{path} is of another version of artfs: open the draft with that")
        return cls(path, descriptor, epoch, _HEADER.size)

    @property
    def is_empty(self) -> bool:
        """Whether it has no record."""
        return self.end <= _HEADER.size

    def replay(self) -> Iterator[Changes]:
        """Give the changes of all whole records, and cut off what comes after them."""
        size = os.fstat(self._descriptor).st_size
        at = _HEADER.size
        while at + _RECORD.size <= size:
            length, checksum = _RECORD.unpack(os.pread(self._descriptor, _RECORD.size, at))
            if at + _RECORD.size + length > size:
                break
            payload = os.pread(self._descriptor, length, at + _RECORD.size)
            if checksum != self._checksum(at, payload):
                break
            yield _decode(payload)
            at += _RECORD.size + length
        os.ftruncate(self._descriptor, at)
        self.end = at

    def _checksum(self, at: int, payload: bytes) -> int:
        return zlib.crc32(payload, zlib.crc32(_SALT.pack(self._epoch, at)))

    def append(self, changes: Changes) -> None:
        """Add a record. It survives this process when this returns, and the machine after `sync`.

        Raises:
            OSError: The disk said no; the log is as it was.
        """
        payload = _encode(changes)
        self._append(_RECORD.pack(len(payload), self._checksum(self.end, payload)) + payload)

    def _append(self, data: bytes) -> None:
        try:
            written = os.pwrite(self._descriptor, data, self.end)
        except OSError:
            self.cut(self.end)
            raise
        if written != len(data):
            self.cut(self.end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.end += written

    def cut(self, end: int) -> None:
        """Take back what was appended behind `end`."""
        os.ftruncate(self._descriptor, end)
        self.end = end

    def sync(self) -> None:
        """Make it survive the machine."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Close it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Close and remove it."""
        self.close()
        self.path.unlink(missing_ok=True)
