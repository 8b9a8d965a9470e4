"""Read the contents of files: by range, verified, never more than what is asked for at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from artfs.chunks.packfile import end_of
from artfs.chunks.reader import PackReader
from artfs.chunks.record import EncodedRecord
from artfs.errors import IntegrityError
from artfs.format.chunklist import Piece
from artfs.format.digest import Data
from artfs.format.node import Entry, Kind
from artfs.format.pack import Location
from artfs.references import Handlers
from artfs.store.reference_reader import ReferenceReader
from artfs.store.tree.holes import is_zeros
from artfs.store.tree.pages import Pages

__all__ = ["ContentReader"]

_Result = TypeVar("_Result")

_GAP = 64 << 10
"""Bytes between chunks that are read rather than skipped, as one more request costs more."""


class ContentReader:
    """Ranges of stored files.

    Args:
        pages: Where chunk lists are read.
        locate: Where the index says a chunk is, None if it does not know it.
        packs: Reads and verifies chunks.
        references: Reads what is elsewhere.
    """

    def __init__(
        self, pages: Pages, locate: Callable[[bytes], Location | None], packs: PackReader, references: Handlers
    ) -> None:
        self._pages = pages
        self._locate = locate
        self._packs = packs
        self._elsewhere = ReferenceReader(references, self.read, self._stored)

    def read(self, entry: Entry, offset: int, size: int) -> Data:
        """Read a range of a file or of what a reference is to, shorter only at its end.

        Raises:
            IntegrityError: A chunk is missing or damaged; nothing of it was returned.
            SourceError: What a reference is to is gone, has changed or cannot be read.
        """
        if entry.kind == Kind.REFERENCE:
            return self._elsewhere.read(entry, offset, size)
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
            for _offset, data in self._elsewhere.stream(entry):
                yield data
            return
        for piece in self._pages.pieces(entry):
            yield self._chunk(piece.digest, 0, piece.length)

    def stream_data(self, entry: Entry) -> Iterator[tuple[int, Data]]:
        """Read a whole file but for its chunks of zeros, which are a hole of the file: yield offset and bytes.

        A chunk of zeros is read and verified once, however often it follows on itself.
        """
        if entry.kind == Kind.REFERENCE:
            yield from self._elsewhere.stream(entry)
            return
        offset, zeros = 0, b""
        for piece in self._pages.pieces(entry):
            if piece.digest != zeros:
                data = self._chunk(piece.digest, 0, piece.length)
                if is_zeros(data):
                    zeros = piece.digest
                else:
                    yield offset, data
            offset += piece.length

    def pieces(self, entry: Entry) -> Iterator[Piece]:
        """Yield the chunks of a file, or of a reference with a chunk list, in order.

        Raises:
            IntegrityError: The chunk list is missing or damaged.
        """
        return self._elsewhere.pieces(entry) if entry.kind == Kind.REFERENCE else self._pages.pieces(entry)

    def is_stored(self, entry: Entry) -> bool:
        """Return whether the index has all chunks of a file, or of a reference with a chunk list.

        Raises:
            IntegrityError: The chunk list is missing or damaged.
        """
        return all(self._locate(piece.digest) is not None for piece in self.pieces(entry))

    def prove_source(self, entry: Entry) -> None:
        """Read what a reference with a chunk list is to at its source, all of it, and compare it with the list.

        Raises:
            IntegrityError: The chunk list is missing or damaged.
            SourceError: The object is gone, has changed or cannot be read.
        """
        self._elsewhere.prove_source(entry)

    def prefetch(self, chunks: Iterable[bytes]) -> None:
        """Read chunks into the page cache, neighbours in a pack at once; those that are not in the index are left out.

        Raises:
            StorageError: A pack cannot be read.
        """
        located = [location for chunk in chunks if (location := self._locate(chunk))]
        ranges: list[tuple[bytes, int, int]] = []
        for location in sorted(located, key=lambda location: (location.pack, location.offset)):
            start = location.offset
            if ranges and ranges[-1][0] == location.pack and start - ranges[-1][2] <= _GAP:
                start = ranges.pop()[1]
            ranges.append((location.pack, start, end_of(location)))
        for pack, start, end in ranges:
            self._packs.prefetch(pack, start, end)

    def record(self, chunk: bytes) -> EncodedRecord:
        """Return the record of a chunk as it is stored, proved.

        Raises:
            IntegrityError: The chunk is missing or damaged.
        """
        return self._at_its_place(chunk, lambda location: self._packs.record(location, chunk))

    def _stored(self, piece: Piece, start: int, length: int) -> Data | None:
        """Read a range of a chunk if the store has that, undamaged; else return None."""
        location = self._locate(piece.digest)
        if location is None or location.plain_len != piece.length:
            return None
        try:
            return self._chunk(piece.digest, start, length)
        except IntegrityError:  # it is damaged, or gone since gc ran
            return None

    def _chunk(self, chunk: bytes, start: int, length: int) -> Data:
        return self._at_its_place(chunk, lambda location: self._packs.read(location, chunk, start, length))

    def _at_its_place(self, chunk: bytes, read: Callable[[Location], _Result]) -> _Result:
        location = self._locate(chunk)
        if location is None:
            raise IntegrityError(f"chunk {chunk.hex()} is not in the index: run `artfs fsck`")
        try:
            return read(location)
        except IntegrityError:
            moved = self._locate(chunk)
            if moved is None or moved == location:
                raise
            return read(moved)  # gc has rewritten the pack meanwhile
