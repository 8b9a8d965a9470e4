"""Read chunks and nodes out of packs. Whatever is returned has been compared with its digest, every time.

The index says where a record is and how it is stored; the digest proves the outcome, so neither the record's head nor
the index has to be trusted here (fsck compares them). Packs are read with `pread` and never mapped: a truncated mapping
would kill the process.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from artfs.chunks.cache import PlainCache
from artfs.chunks.codec import decode
from artfs.chunks.growing import pack_path
from artfs.chunks.held import used
from artfs.errors import IntegrityError, InvalidInputError, StorageError
from artfs.format.digest import (
    BLOCK_HASH_SIZE,
    BLOCK_SIZE,
    Data,
    block_hashes,
    digest_and_table,
    table_digest,
    table_size,
)
from artfs.format.digest import digest as digest_of
from artfs.format.pack import HEAD_SIZE, Codec, Location, stored_table_size

__all__ = ["PackReader"]

_MAX_OPEN: Final = 64
_MAX_TABLES: Final = 4096  # of at most 16 KiB each, commonly 320 bytes


class PackReader:
    """Reads from the packs of one store.

    Make one per process, after a fork (an inherited descriptor shares its readahead state). Threads may share it.

    Args:
        packs_dir: The directory of the packs.
        cache: Where decompressed chunks are kept for other requests and processes; None to decompress each time.
    """

    def __init__(self, packs_dir: Path, cache: PlainCache | None = None) -> None:
        self._packs_dir = packs_dir
        self._cache = cache
        self._lock = threading.Lock()  # held to open packs; what is held already is found without
        self._open: OrderedDict[bytes, _OpenPack] = OrderedDict()
        self._tables: OrderedDict[bytes, bytes] = OrderedDict()  # digest -> block table, proved to be its own

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all packs. Reading opens them again."""
        self._open.clear()

    def read(self, location: Location, digest: bytes, start: int = 0, length: int | None = None) -> Data:
        """Return exactly `length` plain bytes from `start` on, verified against `digest`.

        Raises:
            IntegrityError: The pack is missing or cut off, or what is there is not what the digest names. The message
                names the pack, the offset and the digest.
            StorageError: The system failed to read.
            InvalidInputError: The range is not within the record.
        """
        plain_len = location.plain_len
        if length is None:
            length = plain_len - start
        if start < 0 or length < 0 or start + length > plain_len:
            raise InvalidInputError(f"bytes {start} to {start + length} are not within {plain_len}")
        if length == 0:
            return b""
        if location.codec == Codec.RAW:
            if length < plain_len and plain_len > BLOCK_SIZE:
                return self._blocks(location, digest, start, length)
            plain = self._whole(location, digest)
        elif length < plain_len and self._cache is not None:
            return self._cache.get_or_fill(
                digest, plain_len, start, length, lambda: self._decompressed(location, digest)
            )
        else:
            plain = self._decompressed(location, digest)[0]
        return plain if length == plain_len else memoryview(plain)[start : start + length]

    def _whole(self, location: Location, digest: bytes) -> Data:
        """Return all of a raw record's bytes."""
        plain = self._pread(location, digest, HEAD_SIZE + table_size(location.plain_len), location.plain_len)
        if digest_of(plain) != digest:
            raise self._damage(location, digest, "its bytes have another digest")
        return plain

    def _blocks(self, location: Location, digest: bytes, start: int, length: int) -> Data:
        """Return a range of a raw record of several blocks, reading and verifying those that it touches."""
        table = self._tables.get(digest)
        if table is None:
            table = self._table(location, digest)
        else:
            used(self._tables, digest)
        first = start // BLOCK_SIZE
        last = (start + length - 1) // BLOCK_SIZE
        at = first * BLOCK_SIZE
        size = min((last + 1) * BLOCK_SIZE, location.plain_len) - at
        blocks = self._pread(location, digest, HEAD_SIZE + len(table) + at, size)
        if block_hashes(blocks) != table[first * BLOCK_HASH_SIZE : (last + 1) * BLOCK_HASH_SIZE]:
            raise self._damage(location, digest, f"a block between bytes {at} and {at + size} has another hash")
        return blocks if length == size else memoryview(blocks)[start - at : start - at + length]

    def _table(self, location: Location, digest: bytes) -> bytes:
        """Return the block table of a raw record, proved by the digest, and remember it."""
        table = location.table or self._pread(location, digest, HEAD_SIZE, table_size(location.plain_len))
        if table_digest(table) != digest:
            raise self._damage(location, digest, "its block table has another digest")
        with self._lock:
            self._tables[digest] = table
            if len(self._tables) > _MAX_TABLES:
                self._tables.popitem(last=False)
        return table

    def _decompressed(self, location: Location, digest: bytes) -> tuple[Data, bytes]:
        """Return all of a compressed record's plain bytes and their block table."""
        at = HEAD_SIZE + stored_table_size(location.codec, location.plain_len)
        stored = self._pread(location, digest, at, location.stored_len)
        try:
            plain = decode(location.codec, stored, location.plain_len)
        except IntegrityError as error:
            raise self._damage(location, digest, str(error)) from error
        found, table = digest_and_table(plain)
        if found != digest:
            raise self._damage(location, digest, "its decompressed bytes have another digest")
        return plain, table

    def _pread(self, location: Location, digest: bytes, at: int, size: int) -> bytes:
        """Return `size` bytes of a record, from `at` bytes behind its beginning on."""
        try:
            pack = self._open.get(location.pack)
            if pack is None:
                pack = self._open_pack(location.pack)
            else:
                used(self._open, location.pack)
            data = os.pread(pack.fd, size, location.offset + at)
        except FileNotFoundError as error:
            raise self._damage(location, digest, "the pack is missing") from error
        except OSError as error:
            raise StorageError.of(error, f"reading {pack_path(self._packs_dir, location.pack)}") from error
        if len(data) != size:
            raise self._damage(location, digest, "the pack ends within the record")
        return data

    def _open_pack(self, pack: bytes) -> _OpenPack:
        """Open a pack, letting go of the one that was least recently read when there are too many."""
        with self._lock:
            opened = self._open.get(pack)
            if opened is None:
                if len(self._open) >= _MAX_OPEN:
                    self._open.popitem(last=False)
                path = pack_path(self._packs_dir, pack)
                opened = self._open[pack] = _OpenPack(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        return opened

    def _damage(self, location: Location, digest: bytes, what: str) -> IntegrityError:
        path = pack_path(self._packs_dir, location.pack)
        return IntegrityError(f"{digest.hex()} at offset {location.offset} of {path}: {what}; run `artfs fsck`")


class _OpenPack:
    """An open pack. It is closed with the last reference to it, and so never under a thread that is about to read."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)
