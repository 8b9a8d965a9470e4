"""Read the contents of files: by range, verified, never more than what is asked for at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from artfs.chunks.reader import PackReader
from artfs.errors import IntegrityError
from artfs.format.digest import Data
from artfs.format.node import Entry, Kind
from artfs.format.pack import Location
from artfs.format.reference import decode_reference
from artfs.references import read as read_reference
from artfs.store.tree.pages import Pages

__all__ = ["ContentReader"]

_PORTION = 8 << 20


class ContentReader:
    """Ranges of stored files.

    Args:
        pages: Where chunk lists are read.
        locate: Where the index says a chunk is, None if it does not know it.
        packs: Reads and verifies chunks.
    """

    def __init__(self, pages: Pages, locate: Callable[[bytes], Location | None], packs: PackReader) -> None:
        self._pages = pages
        self._locate = locate
        self._packs = packs

    def read(self, entry: Entry, offset: int, size: int) -> Data:
        """Read a range of a file or of what a reference is to, shorter only at its end.

        Raises:
            IntegrityError: A chunk is missing or damaged; nothing of it was returned.
            SourceError: What a reference is to is gone, has changed or cannot be read.
        """
        if entry.kind == Kind.REFERENCE:
            return read_reference(decode_reference(entry), offset, min(size, max(0, entry.size - offset)))
        end = min(offset + size, entry.size)
        if offset >= end:
            return b""
        parts = []
        while offset < end:
            start, length, chunk = self._pages.piece_at(entry, offset)
            inner = offset - start
            take = min(length - inner, end - offset)
            parts.append(self._chunk(chunk, inner, take))
            offset += take
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def stream(self, entry: Entry) -> Iterator[Data]:
        """Read a whole file chunk by chunk, or what a reference is to in portions."""
        if entry.kind == Kind.REFERENCE:
            reference = decode_reference(entry)
            for offset in range(0, max(entry.size, 1), _PORTION):
                yield read_reference(reference, offset, _PORTION)
            return
        for piece in self._pages.pieces(entry):
            yield self._chunk(piece.digest, 0, piece.length)

    def _chunk(self, chunk: bytes, start: int, length: int) -> Data:
        location = self._locate(chunk)
        if location is None:
            raise IntegrityError(f"chunk {chunk.hex()} is not in the index: run `artfs fsck`")
        try:
            return self._packs.read(location, chunk, start, length)
        except IntegrityError:
            moved = self._locate(chunk)
            if moved is None or moved == location:
                raise
            return self._packs.read(moved, chunk, start, length)  # gc has rewritten the pack meanwhile
