"""Objects of object stores and web servers: their location, and the state of theirs that is meant."""

from __future__ import annotations

from typing import Final

import msgspec

from artfs.format.digest import digest
from artfs.format.msgpack import Count

__all__ = ["FoundObject", "RemoteObject"]


class RemoteObject(msgspec.Struct, frozen=True, array_like=True):
    """One state of an object. A field that is None is not known, or not to be checked.

    Attributes:
        uri: Its location, spelt in one way, without credentials.
        size: Its length in bytes.
        etag: What the server gave as the ETag of this state.
        version_id: Its version (S3, Azure) or generation (GCS): the server keeps it when a newer one comes.
        modified_ns: The time of its last change in nanoseconds since 1970, where nothing else identifies the state.
    """

    uri: str
    size: Count
    etag: str | None = None
    version_id: str | None = None
    modified_ns: int | None = None

    def key(self) -> bytes:
        """Return 32 bytes that name this state of this object, as in a cache."""
        return digest(_encoder.encode(self))


class FoundObject(msgspec.Struct, frozen=True, array_like=True):
    """One object that a URI leads to.

    Attributes:
        name: Its path below the prefix that the URI names; empty if the URI names the object itself.
        object: Its location and state.
        mtime_ns: The time of its last change (nanoseconds since 1970), to show; 0 if the server does not say.
    """

    name: str
    object: RemoteObject
    mtime_ns: int = 0


_encoder: Final = msgspec.msgpack.Encoder()
