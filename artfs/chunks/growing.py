"""One pack while it grows in `tmp/`, until it is sealed under its final name.

The order of `seal` is a rule of the format (P13): data, footer and trailer are on the disk before the name is, and the
name is on the disk before anybody is told of the pack. OSErrors pass through: the writer above translates them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from artfs.chunks.direct import DirectFile
from artfs.chunks.record import EncodedRecord
from artfs.files import sync_directory
from artfs.format.digest import digest
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
        self._file = DirectFile(self._path)
        self._file.append(encode_header(kind, self.pack))
        self._footer = bytearray()

    @property
    def sealed_size(self) -> int:
        """How long the file would be if it were sealed now."""
        return self._file.size + len(self._footer) + TRAILER_SIZE

    def append(self, record: EncodedRecord) -> Location:
        """Add a record; its bytes are copied."""
        location = Location(self.pack, self._file.size, record.stored_len, record.plain_len, record.codec, record.table)
        self._footer += encode_entry(record.digest, location, record.kind)
        for buffer in record.buffers:
            self._file.append(buffer)
        return location

    def wait(self) -> None:
        """Wait until the system has what it was given, and does not refuse it."""
        self._file.wait()

    def seal(self, packs_dir: Path) -> SealedPack:
        """Complete the pack, make it durable, and give it its name."""
        count = len(self._footer) // ENTRY_SIZE
        footer, footer_offset = bytes(self._footer), self._file.size
        self._file.append(footer)
        self._file.append(encode_trailer(count, footer_offset, digest(footer)))
        self._file.sync()
        self._file.close()
        path = pack_path(packs_dir, self.pack)
        _make_directory(path.parent)
        self._path.rename(path)
        self._path = path
        sync_directory(path.parent)
        return SealedPack(self.pack, path, self.kind, self._file.size, count)

    def discard(self) -> None:
        """Remove the file."""
        self._file.close()
        with suppress(OSError):  # what cannot be removed now is swept from tmp/ later
            self._path.unlink()


def _make_directory(path: Path) -> None:
    """Make a directory of `packs/` durably, unless it is there."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        sync_directory(path.parent)
