"""Prepare the record of a chunk or node: the part of storing that costs, and that any thread may do."""

from __future__ import annotations

from typing import Final

import msgspec

from artfs.chunks.codec import encode
from artfs.errors import InvalidInputError
from artfs.format.digest import Data
from artfs.format.pack import (
    ALIGNMENT,
    MAX_PLAIN_SIZE,
    Codec,
    RecordKind,
    encode_head,
    indexed_table,
    stored_checksum,
)

__all__ = ["EncodedRecord", "encode_record"]

_PADDING: Final = [bytes(-size % ALIGNMENT) for size in range(ALIGNMENT)]


class EncodedRecord(msgspec.Struct, frozen=True):
    """A record ready to be appended.

    Attributes:
        digest: Of the plain bytes.
        codec: How they are stored.
        kind: What they are.
        plain_len: Bytes of plain data.
        stored_len: Bytes of stored data.
        size: Bytes that the whole record takes in the pack.
        table: The block table that its location is to keep (`indexed_table`).
        buffers: The record's bytes, piece by piece; for raw data the very buffer that was given.
    """

    digest: bytes
    codec: Codec
    kind: RecordKind
    plain_len: int
    stored_len: int
    size: int
    table: bytes
    buffers: tuple[Data, ...]


def encode_record(kind: RecordKind, digest: bytes, table: bytes, plain: Data) -> EncodedRecord:
    """Compress data where that pays, and make the head of its record.

    Args:
        kind: What `plain` is.
        digest: Of `plain`, and
        table: its block table: both of `digest_and_table(plain)`.
        plain: 1 to `MAX_PLAIN_SIZE` bytes, which must not change until they were appended.
    """
    plain_len = len(plain)
    if not 0 < plain_len <= MAX_PLAIN_SIZE:
        raise InvalidInputError(f"a record holds 1 to {MAX_PLAIN_SIZE} bytes, not {plain_len}")
    codec, stored = encode(plain)
    if codec != Codec.RAW:
        table = b""
    checksum = stored_checksum(codec, stored)
    front = encode_head(codec, kind, plain_len, len(stored), digest, table, checksum) + table
    size = len(front) + len(stored)
    padding = _PADDING[size % ALIGNMENT]
    buffers = (front, stored, padding) if padding else (front, stored)
    return EncodedRecord(
        digest, codec, kind, plain_len, len(stored), size + len(padding), indexed_table(plain_len, table), buffers
    )
