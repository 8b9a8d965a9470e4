"""What an entry of kind reference keeps in its `extra`: where the bytes are, and what identifies them.

A msgpack array of its fields in the order of `Reference`; fields are only ever appended (docs/FORMAT.md, "References").
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from artfs.errors import IntegrityError, InvalidInputError
from artfs.format.digest import digest
from artfs.format.malformed import MALFORMED
from artfs.format.node import MAX_EXTRA, Entry, Kind

__all__ = ["Reference", "decode_reference", "reference_entry"]


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """Bytes that are elsewhere.

    Attributes:
        uri: Where.
        size: How many; 0 where nobody could tell.
        digest: BLAKE3-256 of them, if they were read.
        etag: What an object store said identifies them.
        version_id: The version or generation that an object store gave them.
    """

    uri: str
    size: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    digest: Annotated[bytes, Meta(min_length=32, max_length=32)] | None = None
    etag: str | None = None
    version_id: str | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Reference)


def reference_entry(name: bytes, reference: Reference, mode: int, mtime_ns: int) -> Entry:
    """Make the entry of a reference.

    Raises:
        InvalidInputError: The URI is too long, or no Unicode.
    """
    try:
        extra = _encoder.encode(reference)
    except UnicodeEncodeError as error:
        raise InvalidInputError("a URI must be Unicode: escape other bytes as %XX") from error
    if len(extra) > MAX_EXTRA:
        raise InvalidInputError(f"URI of {len(reference.uri)} characters is too long for an artifact")
    return Entry(name, Kind.REFERENCE, mode, mtime_ns, reference.size, digest(extra), extra=extra)


def decode_reference(entry: Entry) -> Reference:
    """What an entry of kind reference refers to.

    Raises:
        IntegrityError: Its extra is nothing that `reference_entry` writes.
    """
    try:
        return _decoder.decode(entry.extra)
    except MALFORMED as error:
        raise IntegrityError(f"reference {digest(entry.extra).hex()} is malformed: {error}") from error
