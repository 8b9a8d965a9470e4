"""What a scheme needs for artifacts to refer to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from artfs.format.reference import Reference

__all__ = ["Found", "Handler"]


@dataclass(frozen=True, slots=True)
class Found:
    """One object that a URI leads to.

    Attributes:
        name: Its path below the directory or prefix that the URI names; empty if the URI names the object itself.
        basename: What it is called.
        reference: Where it is and what identifies it.
        mtime_ns: When it was last changed (nanoseconds since 1970); 0 if the source does not tell.
    """

    name: str
    basename: str
    reference: Reference
    mtime_ns: int = 0


class Handler(Protocol):
    """Finds and reads the objects of one scheme. Threads share it."""

    def find(self, uri: str, *, checksum: bool) -> Iterator[Found]:
        """Yield what a URI leads to: one object, or all below a directory or prefix, by name.

        Args:
            uri: Of the handler's scheme.
            checksum: Keep what identifies the contents; otherwise URI and size alone.

        Raises:
            InvalidInputError: It leads to nothing.
            SourceError: It cannot be read.
        """

    def read(self, reference: Reference, offset: int, size: int) -> bytes:
        """Read a range of an object, shorter only at its end.

        Args:
            reference: To the object, as `find` gave it.
            offset: Of the first byte.
            size: How many bytes; with 0 too it is checked whether the object is what the reference was made of.

        Raises:
            ReferenceGoneError: There is no such object any more.
            ReferenceChangedError: It is not what the reference was made of; nothing of it is returned.
            SourceError: It cannot be read.
        """
