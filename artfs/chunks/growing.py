"""One pack while it grows in `tmp/`, until it is sealed under its final name.

The order of `seal` is a rule of the format (P13): data, footer and trailer are on the disk before the name is, and the
name is on the disk before anybody is told of the pack. OSErrors pass through: the writer above translates them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from artfs.chunks.handover import start_writeback, write_buffers
from artfs.chunks.record import EncodedRecord
from artfs.files import sync_directory
from artfs.format.digest import Data, digest
from artfs.format.pack import (
    ENTRY_SIZE,
    TRAILER_SIZE,
    Location,
    PackKind,
    encode_entry,
    encode_header,
    encode_trailer,
)

__all__ = ["GrowingPack", "SealedPack", "pack_path"]

_BATCH: Final = 8 << 20


class SealedPack(msgspec.Struct, frozen=True):
    """A pack that is complete, durable and named."""

    pack: bytes
    path: Path
    kind: PackKind
    size: int
    count: int


def pack_path(packs_dir: Path, pack: bytes) -> Path:
    """Return where the pack of that id is kept."""
    name = pack.hex()
    return packs_dir / name[:2] / f"{name}.pack"


class GrowingPack:
    """A pack that is being written. Anyone who gets an OSError from it can only `discard` it."""

    def __init__(self, tmp_dir: Path, kind: PackKind) -> None:
        self.pack = os.urandom(16)
        self.kind = kind
        self._path = tmp_dir / f"{self.pack.hex()}.pack"
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        header = encode_header(kind, self.pack)
        self._pending: list[Data] = [header]
        self._size = len(header)
        self._written = 0
        self._footer = bytearray()

    @property
    def sealed_size(self) -> int:
        """How long the file would be if it were sealed now."""
        return self._size + len(self._footer) + TRAILER_SIZE

    def append(self, record: EncodedRecord) -> Location:
        """Add a record; it is written once 8 MiB wait."""
        location = Location(self.pack, self._size, record.stored_len, record.plain_len, record.codec, record.table)
        self._footer += encode_entry(record.digest, location, record.kind)
        self._pending += record.buffers
        self._size += record.size
        if self._size - self._written >= _BATCH:
            self.flush()
        return location

    def flush(self) -> None:
        """Hand everything that waits to the kernel, and have it begin to write that out."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        write_buffers(self._fd, pending)
        start_writeback(self._fd, self._written, self._size - self._written)
        self._written = self._size

    def seal(self, packs_dir: Path) -> SealedPack:
        """Complete the pack, make it durable, and give it its name."""
        count = len(self._footer) // ENTRY_SIZE
        footer = bytes(self._footer)
        size = self.sealed_size
        self._pending += [footer, encode_trailer(count, self._size, digest(footer))]
        self._size = size
        self.flush()
        os.fsync(self._fd)
        self._close()
        path = pack_path(packs_dir, self.pack)
        _make_directory(path.parent)
        self._path.rename(path)
        self._path = path
        sync_directory(path.parent)
        return SealedPack(self.pack, path, self.kind, size, count)

    def discard(self) -> None:
        """Remove the file."""
        self._pending.clear()
        self._close()
        with suppress(OSError):  # what cannot be removed now is swept from tmp/ later
            self._path.unlink()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _make_directory(path: Path) -> None:
    """Make a directory of `packs/` durably, unless it is there."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        sync_directory(path.parent)
