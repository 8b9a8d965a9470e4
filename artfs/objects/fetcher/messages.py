"""Messages between the fetcher and those who read through it: msgpack, each after its length in four bytes."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from artfs import errors
from artfs.errors import ArtfsError, SourceError
from artfs.format.digest import Data
from artfs.objects.remote_object import FoundObject, RemoteObject

__all__ = [
    "LENGTH_BYTES",
    "Done",
    "Ended",
    "Failed",
    "Find",
    "Hint",
    "Page",
    "Read",
    "Reply",
    "Request",
    "decode_reply",
    "decode_request",
    "encode",
    "error_of",
    "failed",
]

LENGTH_BYTES: Final = 4
_KINDS: Final[dict[str, type[ArtfsError]]] = {name: getattr(errors, name) for name in errors.__all__}


class Read(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Bring a range into the cache. Answer: `Done` or `Failed`.

    Attributes:
        number: Of the request, given back with the answer.
        remote: The object.
        start: Offset of the first byte.
        end: Offset after the last byte; the same as `start`: prove that the object is in this state.
        in_reply: Give the bytes back in the answer.
    """

    number: int
    remote: RemoteObject
    start: int
    end: int
    in_reply: bool = False


class Hint(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A range was read from the cache. No answer.

    Attributes:
        remote: The object.
        start: Offset of the first byte.
        end: Offset after the last byte.
    """

    remote: RemoteObject
    start: int
    end: int


class Find(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Find what a URI leads to. Answer: `Page` for each page, then `Ended`, or `Failed`.

    Attributes:
        number: Of the request, given back with the answers.
        uri: The URI.
        checksum: Keep what identifies the state.
    """

    number: int
    uri: str
    checksum: bool


class Done(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A range is in the cache.

    Attributes:
        number: Of the request.
        data: The range, if it is not in the cache, or if it was asked for.
    """

    number: int
    data: bytes | None = None


class Page(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Some of what a URI leads to.

    Attributes:
        number: Of the request.
        found: The objects.
    """

    number: int
    found: list[FoundObject]


class Ended(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """That was all that a URI leads to.

    Attributes:
        number: Of the request.
    """

    number: int


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A request failed.

    Attributes:
        number: Of the request.
        kind: The class of the exception.
        message: Its message, without credentials.
    """

    number: int
    kind: str
    message: str


Request: TypeAlias = Read | Hint | Find
Reply: TypeAlias = Done | Page | Ended | Failed

_encoder: Final = msgspec.msgpack.Encoder()
_request_decoder: Final = msgspec.msgpack.Decoder(Request)
_reply_decoder: Final = msgspec.msgpack.Decoder(Reply)


def encode(message: Request | Reply) -> bytes:
    """Encode a message with its length before it."""
    data = _encoder.encode(message)
    return len(data).to_bytes(LENGTH_BYTES, "little") + data


def decode_request(data: Data) -> Request:
    """Decode a request, given without its length."""
    return _request_decoder.decode(data)


def decode_reply(data: Data) -> Reply:
    """Decode a reply, given without its length."""
    return _reply_decoder.decode(data)


def failed(number: int, error: ArtfsError) -> Failed:
    """Make the reply that says an exception."""
    kind = next((base.__name__ for base in type(error).__mro__ if base.__name__ in _KINDS), SourceError.__name__)
    return Failed(number, kind, str(error))


def error_of(reply: Failed) -> ArtfsError:
    """Return the exception that a reply says."""
    return _KINDS.get(reply.kind, SourceError)(reply.message)
