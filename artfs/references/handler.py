"""The interface of reference handlers: find the objects of a scheme, and open them for reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from artfs.format.digest import Data
from artfs.format.reference import Reference

__all__ = ["Found", "Handler", "Reader"]


@dataclass(frozen=True, slots=True)
class Found:
    """One object that a URI leads to.

    Attributes:
        name: Its path below the directory or prefix that the URI names; empty if the URI names the object itself.
        basename: The last part of its path.
        reference: Its URI, its size, and what identifies its contents. The size must be known: a handler whose source
            does not say it reads the object, or raises SourceError.
        mtime_ns: The time of its last change (nanoseconds since 1970); 0 if the source does not say.
    """

    name: str
    basename: str
    reference: Reference
    mtime_ns: int = 0


class Reader(Protocol):
    """An object that is open for reading by ranges. It may read ahead; one thread uses it at a time."""

    def read(self, offset: int, size: int) -> Data:
        """Read a range, shorter only at the object's end.

        Bytes of other contents than the reference was made of are never returned.

        Args:
            offset: Of the first byte.
            size: Number of bytes; 0 only checks that the object is what the reference was made of.

        Raises:
            ReferenceGoneError: There is no such object any more.
            ReferenceChangedError: It has other contents than the reference was made of.
            SourceError: It cannot be read.
        """

    def close(self) -> None:
        """Release what the reader holds: connections, buffers, descriptors."""


class Handler(Protocol):
    """Finds and opens the objects of one scheme. Threads share it.

    Each open store makes a handler of its own, in its process and not before a fork; so it may keep sessions.
    """

    def find(self, uri: str, *, checksum: bool) -> Iterator[Found]:
        """Yield what a URI leads to: one object, or all below a directory or prefix, by name.

        Args:
            uri: Of the handler's scheme.
            checksum: Keep what identifies the contents; otherwise URI and size alone.

        Raises:
            InvalidInputError: It leads to nothing.
            SourceError: It cannot be read.
        """

    def open(self, reference: Reference) -> Reader:
        """Open an object for reading; it may be requested only by the first `Reader.read`.

        Args:
            reference: To the object, as `find` gave it.

        Raises:
            ReferenceGoneError: There is no such object any more.
            ReferenceChangedError: It has other contents than the reference was made of.
            SourceError: It cannot be read.
        """
