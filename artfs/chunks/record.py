"""The record of a chunk or node: encoded, which is the expensive part of storing, or proved as it was stored."""

from __future__ import annotations

from typing import Final

import msgspec

from artfs.chunks.codec import decode, encode
from artfs.errors import IntegrityError, InvalidInputError
from artfs.format.digest import Data, digest_and_table
from artfs.format.pack import (
    ALIGNMENT,
    HEAD_SIZE,
    MAX_PLAIN_SIZE,
    Codec,
    RecordKind,
    encode_head,
    indexed_table,
    parse_head,
    record_size,
    stored_checksum,
)

__all__ = ["EncodedRecord", "encode_record", "prove_record"]

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


def prove_record(data: bytes) -> tuple[EncodedRecord, Data]:
    """Check every byte of a record as it is stored: head, block table, data and padding.

    Args:
        data: The record, to the end of its padding.

    Returns:
        The record, to be appended to another pack as it is, and its plain bytes, which have its digest.

    Raises:
        IntegrityError: It is damaged, or of another length.
    """
    head, data_at = parse_head(data)
    end = data_at + head.stored_len
    size = record_size(head.codec, head.plain_len, head.stored_len)
    if len(data) != size or any(data[end:]):
        raise IntegrityError("the record has another length, or its padding is damaged")
    stored = data[data_at:end]
    if stored_checksum(head.codec, stored) != head.stored_checksum:
        raise IntegrityError("its stored bytes have another checksum")
    plain = decode(head.codec, stored, head.plain_len)
    found, table = digest_and_table(plain)
    if found != head.digest:
        raise IntegrityError("its bytes have another digest")
    if head.codec == Codec.RAW and data[HEAD_SIZE:data_at] != table:
        raise IntegrityError("its block table is not that of its bytes")
    kept = indexed_table(head.plain_len, data[HEAD_SIZE:data_at])
    about = Codec(head.codec), RecordKind(head.kind), head.plain_len, head.stored_len
    return EncodedRecord(head.digest, *about, size, kept, (data,)), plain
