"""The interface of clients of object stores: find objects, and read ranges of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from artfs.errors import SourceError
from artfs.format.digest import Data
from artfs.objects.remote_object import FoundObject, RemoteObject

__all__ = ["ObjectClient", "TransientError"]


class TransientError(SourceError):
    """A request failed in a way that may pass: no answer, a reset, a cut answer, an overloaded server."""


class ObjectClient(Protocol):
    """Sends requests to object stores and web servers. It belongs to one event loop.

    No message of its errors holds a credential.
    """

    async def get(self, remote: RemoteObject, start: int, end: int) -> Data:
        """Read exactly a range of exactly that state of an object, in one request that is not repeated.

        Args:
            remote: The object, and its state as far as it is to be checked.
            start: Offset of the first byte.
            end: Offset after the last byte, at most the object's size. The same as `start`: nothing is read, and the
                object's state checked.

        Raises:
            ReferenceGoneError: There is no such object or version any more.
            ReferenceChangedError: The object is in another state.
            TransientError: The request may be repeated.
            SourceError: It is refused for good: credentials, a bucket that is not there, a server without ranges.
        """

    def find(self, uri: str, *, checksum: bool) -> AsyncIterator[list[FoundObject]]:
        """Yield what a URI leads to in pages: one object, or all below a prefix in the order of their names.

        Args:
            uri: Of a scheme that the client speaks.
            checksum: Keep what identifies the state; otherwise location and size alone.

        Raises:
            InvalidInputError: It is not allowed, or leads to nothing.
            TransientError: It may be repeated.
            SourceError: It is refused for good.
        """

    async def close(self) -> None:
        """Close the connections."""
