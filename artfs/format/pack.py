"""The bytes of a pack file: header, records, footer, trailer. No I/O.

    header  64 bytes     id and kind of the pack
    record  *            head 64 | block table | stored data | zeros up to a multiple of 8
    footer  56 * count   one entry per record, in the order of the records
    trailer 64 bytes     offset and digest of the footer

Integers are little-endian, reserved bytes are zero and checked, and every byte of a pack is covered by a checksum or a
digest. `artfs/docs/FORMAT.md` has the offsets, the invariants P1 to P15 and what breaks when a field is damaged.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final
from zlib import crc32

import msgspec

from artfs.errors import IntegrityError
from artfs.format.digest import Data, table_size

__all__ = [
    "ALIGNMENT",
    "ENTRY_SIZE",
    "HEADER_SIZE",
    "HEAD_SIZE",
    "MAX_PLAIN_SIZE",
    "PACK_ID_SIZE",
    "RECORD_MAGIC",
    "TABLE_IN_INDEX",
    "TRAILER_SIZE",
    "Codec",
    "FooterEntry",
    "Location",
    "PackHeader",
    "PackKind",
    "RecordHead",
    "RecordKind",
    "Trailer",
    "decode_footer",
    "decode_header",
    "decode_trailer",
    "encode_entry",
    "encode_head",
    "encode_header",
    "encode_trailer",
    "indexed_table",
    "parse_head",
    "record_size",
    "stored_checksum",
    "stored_table_size",
]

HEADER_SIZE: Final = 64
HEAD_SIZE: Final = 64
PACK_ID_SIZE: Final = 16
ENTRY_SIZE: Final = 56
TRAILER_SIZE: Final = 64
ALIGNMENT: Final = 8
TABLE_IN_INDEX: Final = 128 << 10
"""Raw records of more plain bytes have their block table in the index too; smaller ones are read whole."""
MAX_PLAIN_SIZE: Final = 16 << 20
"""The most plain bytes of a record: the largest allocation that a damaged length can ask for."""

_MAX_OFFSET: Final = 1 << 62
"""No file is as long, and system calls take every position in a record that begins below."""
_HEADER_MAGIC = b"ARTFSPK\x01"
RECORD_MAGIC: Final = b"REC1"
_TRAILER_MAGIC = b"ARTFSEND"
_CRC = struct.Struct("<I")
_HEADER = struct.Struct("<8sB7s16s28s")  # magic, kind, reserved, pack id, reserved; then crc32
# magic, codec, kind, reserved, plain_len, stored_len, digest, crc32 of the stored data, reserved; then crc32
_HEAD = struct.Struct("<4sBBHII32sI8s")
_ENTRY = struct.Struct("<32sQIIBB6s")  # digest, offset, stored_len, plain_len, codec, kind, reserved
_TRAILER = struct.Struct("<8sQQ32s4s")  # magic, count, footer offset, footer digest, reserved; then crc32
_LOCATION = struct.Struct("<16sQIIB")


class PackKind(IntEnum):
    """The kind of a pack: file contents, or tree nodes."""

    DATA = 1
    NODES = 2


class RecordKind(IntEnum):
    """The kind of a record."""

    CHUNK = 1
    NODE = 2


class Codec(IntEnum):
    """The encoding of a record's stored bytes."""

    RAW = 0
    ZSTD = 1


class Location(msgspec.Struct, frozen=True, gc=False):
    """The place of a chunk or node in a pack, and its encoding.

    Attributes:
        pack: The pack's id (16 bytes).
        offset: Offset of the record's head in the pack file.
        stored_len: Bytes of stored data, after the head and the block table.
        plain_len: Bytes of plain data.
        codec: A `Codec` value.
        table: The record's block table, if it saves reads a trip to the disk (`indexed_table`), else empty.
    """

    pack: bytes
    offset: int
    stored_len: int
    plain_len: int
    codec: int
    table: bytes = b""

    def encode(self) -> bytes:
        """Encode it for the index: 33 bytes and the table."""
        return _LOCATION.pack(self.pack, self.offset, self.stored_len, self.plain_len, self.codec) + self.table

    @classmethod
    def decode(cls, data: Data) -> Location:
        """Return the location that `encode` made the bytes of (their checksum is the index's business).

        Raises:
            ValueError: The length is not one that `encode` gives, or no record can be like that: a reader that
                believed it would ask for that much memory.
        """
        if len(data) < _LOCATION.size:
            raise ValueError(f"a location of {len(data)} bytes")
        pack, offset, stored_len, plain_len, codec = _LOCATION.unpack(data[: _LOCATION.size])
        table = bytes(data[_LOCATION.size :])
        if offset > _MAX_OFFSET or not _possible(codec, RecordKind.CHUNK, plain_len, stored_len):
            raise ValueError("a location where no record can be")
        if table and (len(table) != table_size(plain_len) or codec != Codec.RAW):
            raise ValueError("a location whose table has another length")
        return cls(pack, offset, stored_len, plain_len, codec, table)


def indexed_table(plain_len: int, table: bytes) -> bytes:
    """Return the block table that a location keeps: the record's, if it is large, or none.

    A small read in the middle of a large raw record then needs one trip to the disk and not two. The table needs no
    trust: the record's digest is the digest of its table.
    """
    return table if plain_len > TABLE_IN_INDEX else b""


class PackHeader(msgspec.Struct, frozen=True, gc=False):
    """The first 64 bytes of a pack."""

    kind: PackKind
    pack: bytes


class RecordHead(msgspec.Struct, frozen=True, gc=False):
    """The first 64 bytes of a record.

    Attributes:
        codec: A `Codec` value.
        kind: A `RecordKind` value.
        plain_len: Bytes of plain data.
        stored_len: Bytes of stored data.
        digest: Of the plain data.
        stored_checksum: See `stored_checksum`.
        checksum: CRC-32 of the 60 bytes before it and the block table behind it.
    """

    codec: int
    kind: int
    plain_len: int
    stored_len: int
    digest: bytes
    stored_checksum: int
    checksum: int


class FooterEntry(msgspec.Struct, frozen=True, gc=False):
    """The entry of one record in the footer."""

    digest: bytes
    location: Location
    kind: int


class Trailer(msgspec.Struct, frozen=True, gc=False):
    """The last 64 bytes of a pack."""

    count: int
    footer_offset: int
    footer_digest: bytes


def stored_table_size(codec: int, plain_len: int) -> int:
    """Return the size of the block table in a record: only raw records of several blocks have one."""
    return table_size(plain_len) if codec == Codec.RAW else 0


def record_size(codec: int, plain_len: int, stored_len: int) -> int:
    """Return the size of a record in the pack, padding included."""
    return (HEAD_SIZE + stored_table_size(codec, plain_len) + stored_len + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def encode_header(kind: PackKind, pack: bytes) -> bytes:
    """Return a pack's header."""
    body = _HEADER.pack(_HEADER_MAGIC, kind, bytes(7), pack, bytes(28))
    return body + _CRC.pack(crc32(body))


def decode_header(data: Data) -> PackHeader:
    """Parse and check a pack's header.

    Raises:
        IntegrityError: Anything about it is not as `encode_header` would have it.
    """
    if len(data) != HEADER_SIZE or crc32(data[:-4]) != _CRC.unpack_from(data, HEADER_SIZE - 4)[0]:
        raise IntegrityError("pack header damaged")
    magic, kind, reserved, pack, more = _HEADER.unpack_from(data)
    if magic != _HEADER_MAGIC or kind not in (1, 2) or any(reserved) or any(more):
        raise IntegrityError("pack header of an unknown format")
    return PackHeader(PackKind(kind), pack)


def stored_checksum(codec: int, stored: Data) -> int:
    """Return the CRC-32 of compressed data, as zstd ignores some of its bits; 0 of raw data."""
    return 0 if codec == Codec.RAW else crc32(stored)


def encode_head(
    codec: int, kind: int, plain_len: int, stored_len: int, digest: bytes, table: bytes, stored_checksum: int
) -> bytes:
    """Return a record's head; `table` is the block table as stored (`stored_table_size`)."""
    body = _HEAD.pack(RECORD_MAGIC, codec, kind, 0, plain_len, stored_len, digest, stored_checksum, bytes(8))
    checksum = crc32(body)
    return body + _CRC.pack(crc32(table, checksum) if table else checksum)


def parse_head(data: Data, at: int = 0) -> tuple[RecordHead, int]:
    """Parse the record head at `at` and check it together with its block table.

    Args:
        data: Bytes that hold the head and, behind it, at least as much of the record as the table takes.
        at: Offset of the head in `data`.

    Returns:
        The head, and the offset of the stored bytes in `data`. When `data` ends before the table does, that position is
        beyond its end and *nothing was checked yet*: read that far and parse again.

    Raises:
        IntegrityError: Damaged, impossible, or cut off within the head itself.
    """
    if len(data) - at < HEAD_SIZE:
        raise IntegrityError("record head cut off")
    magic, codec, kind, reserved, plain_len, stored_len, digest, stored, more = _HEAD.unpack_from(data, at)
    if magic != RECORD_MAGIC:
        raise IntegrityError("no record head here")
    if not _possible(codec, kind, plain_len, stored_len) or reserved or any(more) or (codec == Codec.RAW and stored):
        raise IntegrityError("record head damaged")
    (checksum,) = _CRC.unpack_from(data, at + HEAD_SIZE - 4)
    table_at = at + HEAD_SIZE
    data_at = table_at + stored_table_size(codec, plain_len)
    if data_at <= len(data) and crc32(data[table_at:data_at], crc32(data[at : table_at - 4])) != checksum:
        raise IntegrityError("record head or block table damaged")
    return RecordHead(codec, kind, plain_len, stored_len, digest, stored, checksum), data_at


def _possible(codec: int, kind: int, plain_len: int, stored_len: int) -> bool:
    """True if a writer could have stored a record with these fields."""
    if kind not in (1, 2) or not 0 < plain_len <= MAX_PLAIN_SIZE:
        return False
    return stored_len == plain_len if codec == Codec.RAW else codec == Codec.ZSTD and 0 < stored_len < plain_len


def encode_entry(digest: bytes, location: Location, kind: int) -> bytes:
    """Return one footer entry."""
    return _ENTRY.pack(digest, location.offset, location.stored_len, location.plain_len, location.codec, kind, bytes(6))


def decode_footer(pack: bytes, footer: Data) -> list[FooterEntry]:
    """Parse the footer of `pack`, whose digest the caller has compared with the trailer's.

    Raises:
        IntegrityError: An entry is impossible, or the records do not lie end to end.
    """
    entries = []
    end = HEADER_SIZE
    if len(footer) % ENTRY_SIZE:
        raise IntegrityError("pack footer cut off")
    for digest, offset, stored_len, plain_len, codec, kind, reserved in _ENTRY.iter_unpack(footer):
        if offset != end or not _possible(codec, kind, plain_len, stored_len) or any(reserved):
            raise IntegrityError("pack footer tells of an impossible record")
        end += record_size(codec, plain_len, stored_len)
        entries.append(FooterEntry(digest, Location(pack, offset, stored_len, plain_len, codec), kind))
    return entries


def encode_trailer(count: int, footer_offset: int, footer_digest: bytes) -> bytes:
    """Return a pack's trailer."""
    body = _TRAILER.pack(_TRAILER_MAGIC, count, footer_offset, footer_digest, bytes(4))
    return body + _CRC.pack(crc32(body))


def decode_trailer(data: Data, pack_size: int) -> Trailer:
    """Parse and check the trailer of a pack of `pack_size` bytes.

    Raises:
        IntegrityError: Damaged, not there, or not of a file of this size.
    """
    if len(data) != TRAILER_SIZE or crc32(data[:-4]) != _CRC.unpack_from(data, TRAILER_SIZE - 4)[0]:
        raise IntegrityError("pack trailer damaged or missing")
    magic, count, footer_offset, footer_digest, reserved = _TRAILER.unpack_from(data)
    if magic != _TRAILER_MAGIC or any(reserved):
        raise IntegrityError("pack trailer of an unknown format")
    if footer_offset + count * ENTRY_SIZE + TRAILER_SIZE != pack_size or footer_offset < HEADER_SIZE:
        raise IntegrityError("pack trailer does not fit the file's size")
    return Trailer(count, footer_offset, footer_digest)
