"""Read chunks and nodes from packs, each time compared with their digest.

The index says where a record is and how it is stored; the digest proves the outcome, so neither the record's head nor
the index has to be trusted here (fsck compares them). Packs are read with `pread` and never mapped: a truncated mapping
would kill the process.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from artfs.chunks.chunk_cache import ChunkCache, touch
from artfs.chunks.codec import decode
from artfs.chunks.pack_storage import OpenPack, PackStorage, pack_name
from artfs.chunks.record import EncodedRecord, encode_record, prove_record
from artfs.closing import Closing
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
from artfs.format.pack import HEAD_SIZE, Codec, Location, RecordKind, record_size, stored_table_size

__all__ = ["PackReader"]

_MAX_OPEN: Final = 64
_PREFETCH: Final = 1 << 20
_MAX_TABLES: Final = 4096  # of at most 16 KiB each, commonly 320 bytes


class PackReader(Closing):
    """Reads from the packs of one store.

    Make one per process, after a fork (an inherited descriptor shares its readahead state). Threads may share it.

    Args:
        storage: Where the packs are.
        cache: Where decompressed chunks are kept for other requests and processes; None to decompress each time.
    """

    def __init__(self, storage: PackStorage, cache: ChunkCache | None = None) -> None:
        self._storage = storage
        self._cache = cache
        self._lock = threading.Lock()  # taken to change the two below; lookups take none
        self._open: OrderedDict[bytes, OpenPack] = OrderedDict()
        self._tables: OrderedDict[bytes, bytes] = OrderedDict()  # digest -> its block table, verified

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

    def record(self, location: Location, digest: bytes) -> EncodedRecord:
        """Return the record of a chunk as it is stored, proved; with another head where only that is damaged.

        Raises:
            IntegrityError: As `read`.
            StorageError: The system failed to read.
        """
        data = self._pread(location, digest, 0, record_size(location.codec, location.plain_len, location.stored_len))
        try:
            record, _plain = prove_record(data)
            if (record.kind, record.digest) == (RecordKind.CHUNK, digest):
                return record
        except IntegrityError:
            pass
        plain = self.read(location, digest)
        return encode_record(RecordKind.CHUNK, *digest_and_table(plain), plain)

    def prefetch(self, pack: bytes, start: int, end: int) -> None:
        """Read bytes of a pack into the page cache, and drop them unverified.

        Raises:
            StorageError: The system failed to read.
        """
        try:
            opened = self._open.get(pack) or self._open_pack(pack)
            for at in range(start, end, _PREFETCH):
                opened.read(min(_PREFETCH, end - at), at)
        except OSError as error:
            raise StorageError.of(error, f"reading {self._storage.address(pack_name(pack))}") from error

    def _whole(self, location: Location, digest: bytes) -> Data:
        """Return all of a raw record's bytes."""
        plain = self._pread(location, digest, HEAD_SIZE + table_size(location.plain_len), location.plain_len)
        if digest_of(plain) != digest:
            raise self._damage(location, digest, "its bytes have another digest")
        return plain

    def _blocks(self, location: Location, digest: bytes, start: int, length: int) -> Data:
        """Return a range of a raw record, reading and verifying the blocks that it touches."""
        table = self._tables.get(digest)
        if table is None:
            table = self._table(location, digest)
        else:
            touch(self._tables, digest)
        first = start // BLOCK_SIZE
        last = (start + length - 1) // BLOCK_SIZE
        at = first * BLOCK_SIZE
        size = min((last + 1) * BLOCK_SIZE, location.plain_len) - at
        blocks = self._pread(location, digest, HEAD_SIZE + len(table) + at, size)
        if block_hashes(blocks) != table[first * BLOCK_HASH_SIZE : (last + 1) * BLOCK_HASH_SIZE]:
            raise self._damage(location, digest, f"a block between bytes {at} and {at + size} has another hash")
        return blocks if length == size else memoryview(blocks)[start - at : start - at + length]

    def _table(self, location: Location, digest: bytes) -> bytes:
        """Return the block table of a raw record, verified by the digest, and cache it."""
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
        """Return `size` bytes of a record, `at` bytes from its beginning."""
        try:
            pack = self._open.get(location.pack)
            if pack is None:
                pack = self._open_pack(location.pack)
            else:
                touch(self._open, location.pack)
            data = pack.read(size, location.offset + at)
        except FileNotFoundError as error:
            raise self._damage(location, digest, "the pack is missing") from error
        except OSError as error:
            raise StorageError.of(error, f"reading {self._address(location)}") from error
        if len(data) != size:
            raise self._damage(location, digest, "the pack ends within the record")
        return data

    def _open_pack(self, pack: bytes) -> OpenPack:
        """Open a pack, and drop the least recently read one when there are too many."""
        with self._lock:
            opened = self._open.get(pack)
            if opened is None:
                if len(self._open) >= _MAX_OPEN:
                    self._open.popitem(last=False)
                opened = self._open[pack] = self._storage.open(pack_name(pack))
        return opened

    def _damage(self, location: Location, digest: bytes, what: str) -> IntegrityError:
        where = self._address(location)
        return IntegrityError(f"{digest.hex()} at offset {location.offset} of {where}: {what}; run `artfs fsck`")

    def _address(self, location: Location) -> str:
        return self._storage.address(pack_name(location.pack))
