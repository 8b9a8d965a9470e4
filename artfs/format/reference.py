"""References: location and identity of bytes outside the store, kept in the `extra` of an entry.

A msgpack array of its fields in the order of `Reference`; fields are only ever appended (docs/FORMAT.md, "References").
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from artfs.errors import IntegrityError, InvalidInputError
from artfs.format.chunk_rows import ROW_SIZE
from artfs.format.digest import digest
from artfs.format.msgpack import DECODE_ERRORS, Count, Digest
from artfs.format.node import MAX_EXTRA, Entry, Kind

__all__ = [
    "UNKNOWN_SIZE",
    "ChunkList",
    "Reference",
    "decode_reference",
    "has_unknown_size",
    "reference_entry",
    "stored_file",
]

UNKNOWN_SIZE: Final = 1
"""The size that mounts show of a reference whose size is not known, as of a scheme that artfs cannot read. With size 0
the kernel would ask for no byte, and a reader would find an empty file instead of an error."""


class ChunkList(msgspec.Struct, frozen=True, array_like=True):
    """The chunks of an object, so that each range of it can be proved.

    Attributes:
        digest: Of the object, if it is one chunk; else content digest of the file with its chunk list.
        size: Bytes of that file (`format/chunk_rows.py`); 0 if the object is one chunk.
        height: Height of that file's own chunk list; 0 if it has none.
    """

    digest: Digest
    size: Annotated[int, Meta(ge=0, le=(1 << 63) - 1, multiple_of=ROW_SIZE)] = 0
    height: Annotated[int, Meta(ge=0, le=255)] = 0


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """Bytes outside the store.

    Attributes:
        uri: Their location.
        size: Their number; 0 also if it is not known, see `is_size_known`.
        digest: BLAKE3-256 of them, if they were read.
        etag: Their identity, as an object store gave it.
        version_id: Their version or generation, as an object store gave it.
        modified_ns: The time of their last change (nanoseconds since 1970), where a server gives nothing better.
        chunks: Their chunks, if they were read to keep those.
    """

    uri: str
    size: Count = 0
    digest: Digest | None = None
    etag: str | None = None
    version_id: str | None = None
    modified_ns: Count | None = None
    chunks: ChunkList | None = None

    @property
    def has_state(self) -> bool:
        """True if the source gave something that identifies the state of the object."""
        return (self.etag, self.version_id, self.modified_ns) != (None, None, None)

    @property
    def identifies_bytes(self) -> bool:
        """True if bytes can be compared with it, without the source."""
        return self.digest is not None or self.chunks is not None

    @property
    def at_source(self) -> Reference:
        """The reference as the handler gave it, without what artfs keeps beside that."""
        return self if self.chunks is None else msgspec.structs.replace(self, chunks=None)

    @property
    def is_size_known(self) -> bool:
        """False if only the URI is kept: then size 0 does not mean an empty object."""
        return any((self.size, self.digest, self.etag, self.version_id, self.modified_ns))


_FIRST_FIELDS: Final = 5
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Reference)


def reference_entry(name: bytes, reference: Reference, mode: int, mtime_ns: int) -> Entry:
    """Make the entry of a reference.

    Raises:
        InvalidInputError: The URI is too long, or no Unicode.
    """
    try:
        extra = _encoder.encode(_fields(reference))
    except UnicodeEncodeError as error:
        raise InvalidInputError("a URI must be Unicode: escape other bytes as %XX") from error
    if len(extra) > MAX_EXTRA:
        raise InvalidInputError(f"URI of {len(reference.uri)} characters is too long for an artifact")
    return Entry(name, Kind.REFERENCE, mode, mtime_ns, reference.size, digest(extra), extra=extra)


def _fields(reference: Reference) -> tuple[object, ...]:
    """Return the fields; without the last ones where they are not set, as entries were before there were these."""
    fields = msgspec.structs.astuple(reference)
    while len(fields) > _FIRST_FIELDS and fields[-1] is None:
        fields = fields[:-1]
    return fields


def has_unknown_size(entry: Entry) -> bool:
    """Return whether an entry is a reference whose size is not known.

    Raises:
        IntegrityError: It is malformed.
    """
    return entry.kind == Kind.REFERENCE and not entry.size and not decode_reference(entry).is_size_known


def decode_reference(entry: Entry) -> Reference:
    """Decode the reference in an entry.

    Raises:
        IntegrityError: Its extra is not as `reference_entry` writes it.
    """
    try:
        return _decoder.decode(entry.extra)
    except DECODE_ERRORS as error:
        raise IntegrityError(f"reference {digest(entry.extra).hex()} is malformed: {error}") from error


def stored_file(entry: Entry) -> Entry | None:
    """Return the file that the store must have for an entry: a file itself, of a reference its chunk list; or None.

    Raises:
        IntegrityError: The reference is malformed.
    """
    if entry.kind != Kind.REFERENCE:
        return entry if entry.kind == Kind.FILE else None
    chunks = decode_reference(entry).chunks
    if chunks is None or not chunks.size:
        return None
    height = bytes((chunks.height,)) if chunks.height else b""
    return Entry(entry.name, Kind.FILE, 0, 0, chunks.size, chunks.digest, extra=height)
