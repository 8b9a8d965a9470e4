"""References: location and identity of bytes outside the store, kept in the `extra` of an entry.

A msgpack array of its fields in the order of `Reference`; fields are only ever appended (docs/FORMAT.md, "References").
"""

from __future__ import annotations

from typing import Final

import msgspec

from artfs.errors import IntegrityError, InvalidInputError
from artfs.format.digest import digest
from artfs.format.msgpack import DECODE_ERRORS, Count, Digest
from artfs.format.node import MAX_EXTRA, Entry, Kind

__all__ = ["UNKNOWN_SIZE", "Reference", "decode_reference", "has_unknown_size", "reference_entry"]

UNKNOWN_SIZE: Final = 1
"""The size that mounts show of a reference whose size is not known, as of a scheme that artfs cannot read. With size 0
the kernel would ask for no byte, and a reader would find an empty file instead of an error."""


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """Bytes outside the store.

    Attributes:
        uri: Their location.
        size: Their number; 0 also if it is not known, see `is_size_known`.
        digest: BLAKE3-256 of them, if they were read.
        etag: Their identity, as an object store gave it.
        version_id: Their version or generation, as an object store gave it.
        modified_ns: The time of their last change (nanoseconds since 1970), where a server gives nothing better.
    """

    uri: str
    size: Count = 0
    digest: Digest | None = None
    etag: str | None = None
    version_id: str | None = None
    modified_ns: Count | None = None

    @property
    def is_size_known(self) -> bool:
        """False if only the URI is kept: then size 0 does not mean an empty object."""
        return any((self.size, self.digest, self.etag, self.version_id, self.modified_ns))


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
    """Return the fields; without the last one where that is not set, as entries were before there was one."""
    fields = msgspec.structs.astuple(reference)
    return fields if reference.modified_ns is not None else fields[:-1]


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
