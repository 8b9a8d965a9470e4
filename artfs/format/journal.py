"""The bytes of a journal segment: a header, then records, each with the hash of the one before.

    header  64 bytes   magic 8 | first seq u64 | previous hash 32 | reserved 12 | crc32 of the first 60
    record  *          magic 4 | body length u32 | seq u64 | previous hash 32 | reserved 4 | crc32 of the first 52
                       | body | BLAKE3-256 of everything before it in the record

Integers are little-endian, reserved bytes are zero and checked. `artfs/docs/FORMAT.md` has the invariants J1-J9 and
what breaks when a field is damaged. `operations` decodes the bodies.
"""

from __future__ import annotations

import struct
from typing import Final
from zlib import crc32

import msgspec
from blake3 import blake3

from artfs.errors import IntegrityError

__all__ = [
    "HASH_SIZE",
    "MAX_BODY_SIZE",
    "SEGMENT_HEADER_SIZE",
    "RawRecord",
    "SegmentHeader",
    "decode_segment_header",
    "encode_record",
    "encode_segment_header",
    "genesis",
    "parse_record",
]

HASH_SIZE: Final = 32
SEGMENT_HEADER_SIZE: Final = 64
MAX_BODY_SIZE: Final = 64 << 20
"""The longest body: the largest allocation that a damaged or hostile length can ask for."""

_SECTOR = 512
_SEGMENT_MAGIC = b"ARTFSJN\x01"
_RECORD_MAGIC = b"JR01"
_SEGMENT = struct.Struct("<8sQ32s12s")
_HEAD = struct.Struct("<4sIQ32s4s")
_CRC = struct.Struct("<I")
_HEAD_SIZE = _HEAD.size + _CRC.size


class SegmentHeader(msgspec.Struct, frozen=True, gc=False):
    """The first 64 bytes of a segment.

    Attributes:
        first_seq: The seq of its first record; also its file's name.
        previous: The hash of the last record of the segment before (`genesis` for the first).
    """

    first_seq: int
    previous: bytes


class RawRecord(msgspec.Struct, frozen=True, gc=False):
    """One record whose bytes are whole; its body was not decoded.

    Attributes:
        seq: Its number; the first is 1.
        previous: The hash of the record before.
        hash: Its own hash, which the next one holds.
        body: An encoded `operations.Entry`.
    """

    seq: int
    previous: bytes
    hash: bytes
    body: bytes

    @property
    def size(self) -> int:
        """The size of the record in bytes."""
        return _HEAD_SIZE + len(self.body) + HASH_SIZE


def genesis(store_id: bytes) -> bytes:
    """Return the `previous` of the first record, which binds the chain to one store."""
    return blake3(store_id, derive_key_context="artfs 2026 journal genesis").digest()


def encode_segment_header(first_seq: int, previous: bytes) -> bytes:
    """Return a segment's header."""
    body = _SEGMENT.pack(_SEGMENT_MAGIC, first_seq, previous, bytes(12))
    return body + _CRC.pack(crc32(body))


def decode_segment_header(data: bytes) -> SegmentHeader:
    """Parse and check the header at the start of `data`.

    Raises:
        IntegrityError: Cut off, damaged, or not of this format.
    """
    if len(data) < SEGMENT_HEADER_SIZE or crc32(data[:60]) != _CRC.unpack_from(data, 60)[0]:
        raise IntegrityError("segment header damaged")
    magic, first_seq, previous, reserved = _SEGMENT.unpack_from(data)
    if magic != _SEGMENT_MAGIC or any(reserved) or not first_seq:
        raise IntegrityError("segment header of an unknown format")
    return SegmentHeader(first_seq, previous)


def encode_record(seq: int, previous: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Return a record's bytes and its hash.

    Raises:
        ValueError: The body is longer than `MAX_BODY_SIZE`.
    """
    if len(body) > MAX_BODY_SIZE:
        raise ValueError(f"a journal record of {len(body)} bytes is too long: at most {MAX_BODY_SIZE} are allowed")
    head = _HEAD.pack(_RECORD_MAGIC, len(body), seq, previous, bytes(4))
    data = head + _CRC.pack(crc32(head)) + body
    own = blake3(data).digest()
    return data + own, own


def parse_record(data: bytes, at: int, base: int = 0) -> RawRecord | None:
    """Parse and check the record at `at`, which is not the end of `data`.

    Args:
        data: A segment from file offset `base` to its end.
        at: Offset of the record in `data`.
        base: Offset of `data` in the file.

    Returns:
        The record; None when it is *torn*: the last write of a process or machine that died before it was synced. Only
        then does the file end within the record, or is a sector of the record still the zeros of a new file.

    Raises:
        IntegrityError: It is damaged in any other way.
    """
    if len(data) - at < _HEAD_SIZE:
        return None
    if _head_is_whole(data, at):
        _magic, length, seq, previous, _reserved = _HEAD.unpack_from(data, at)
        end = at + _HEAD_SIZE + length + HASH_SIZE
        if end > len(data):
            return None
        own = data[end - HASH_SIZE : end]
        if blake3(data[at : end - HASH_SIZE]).digest() == own:
            return RawRecord(seq, previous, own, data[at + _HEAD_SIZE : end - HASH_SIZE])
        if end == len(data) and _has_unwritten_sector(data, at, end, base):
            return None
        raise IntegrityError("journal record damaged")
    if _has_unwritten_sector(data, at, at + _HEAD_SIZE, base) and not _any_head_after(data, at):
        return None
    raise IntegrityError("journal record head damaged")


def _head_is_whole(data: bytes, at: int) -> bool:
    magic, length, _seq, _previous, reserved = _HEAD.unpack_from(data, at)
    return (
        crc32(data[at : at + _HEAD.size]) == _CRC.unpack_from(data, at + _HEAD.size)[0]
        and magic == _RECORD_MAGIC
        and length <= MAX_BODY_SIZE
        and not any(reserved)
    )


def _has_unwritten_sector(data: bytes, at: int, end: int, base: int) -> bool:
    """True if the part of `data[at:end]` in one of the file's sectors is all zeros."""
    while at < end:
        stop = min(end, at + _SECTOR - (base + at) % _SECTOR)
        if not any(data[at:stop]):
            return True
        at = stop
    return False


def _any_head_after(data: bytes, at: int) -> bool:
    """True if a whole head follows: then `at` was not the last write, as each record is synced first."""
    at = data.find(_RECORD_MAGIC, at + 1)
    while at >= 0:
        if len(data) - at >= _HEAD_SIZE and _head_is_whole(data, at):
            return True
        at = data.find(_RECORD_MAGIC, at + 1)
    return False
