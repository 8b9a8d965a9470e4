"""Read what references are to: at the source, or from the store's own chunks; proved where a chunk list is kept.

With a chunk list a byte is returned only if the chunk that holds it has the digest that the list says. So a range is
read a chunk at a time; chunks that came last stay in memory for the next ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from artfs.chunks.chunk_cache import ChunkLRU
from artfs.errors import ReferenceChangedError
from artfs.format.chunklist import Piece
from artfs.format.digest import Data, digest_and_table
from artfs.format.node import Entry
from artfs.format.reference import Reference, decode_reference
from artfs.names import quoted
from artfs.references import Handlers
from artfs.store.reference_chunks import ReferenceChunks

__all__ = ["ReferenceReader"]

_PORTION: Final = 8 << 20


class ReferenceReader:
    """Ranges of what references are to. Threads may share it.

    Args:
        handlers: Read at the sources.
        read_file: Reads a range of a stored file: of a chunk list.
        read_stored: Reads a range of a chunk if the store has that, else returns None.
    """

    def __init__(
        self,
        handlers: Handlers,
        read_file: Callable[[Entry, int, int], Data],
        read_stored: Callable[[Piece, int, int], Data | None],
    ) -> None:
        self._handlers = handlers
        self._chunks = ReferenceChunks(read_file)
        self._read_stored = read_stored
        self._proved = ChunkLRU()

    def read(self, entry: Entry, offset: int, size: int) -> Data:
        """Read a range, shorter only at the object's end.

        Raises:
            IntegrityError: The chunk list is missing or damaged.
            SourceError: What the reference is to is gone, has changed or cannot be read.
        """
        reference = decode_reference(entry)
        if reference.chunks is None:
            with self._handlers.reader(reference) as reader:
                return reader.read(offset, min(size, max(0, entry.size - offset)))
        end = min(offset + size, entry.size)
        parts: list[Data] = []
        while offset < end:
            start, piece = self._chunks.piece_at(entry, offset)
            take = min(start + piece.length, end) - offset
            parts.append(self._range(reference, start, piece, offset - start, take))
            offset += take
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def stream(self, entry: Entry) -> Iterator[tuple[int, Data]]:
        """Yield offset and bytes of the parts of a whole object.

        Raises:
            IntegrityError: As `read`.
            SourceError: As `read`.
        """
        reference = decode_reference(entry)
        if reference.chunks is None:
            with self._handlers.reader(reference) as reader:
                for offset in range(0, max(entry.size, 1), _PORTION):
                    yield offset, reader.read(offset, _PORTION)
            return
        for start, piece in self._chunks.pieces(entry):
            stored = self._read_stored(piece, 0, piece.length)
            yield start, self._fetch(reference, start, piece)[0] if stored is None else stored

    def pieces(self, entry: Entry) -> Iterator[Piece]:
        """Yield the chunks of a reference with a chunk list, in order.

        Raises:
            IntegrityError: The chunk list is missing or damaged.
        """
        return (piece for _start, piece in self._chunks.pieces(entry))

    def prove_source(self, entry: Entry) -> None:
        """Read the whole object at its source, not from the store nor a cache, and compare it with the chunk list.

        Raises:
            IntegrityError: As `read`.
            SourceError: As `read`.
        """
        reference = decode_reference(entry)
        self._handlers.forget(reference.at_source)
        for start, piece in self._chunks.pieces(entry):
            self._fetch(reference, start, piece)

    def _range(self, reference: Reference, start: int, piece: Piece, inner: int, length: int) -> Data:
        """Read a range of one chunk, which begins at `start` in the object."""
        stored = self._read_stored(piece, inner, length)
        if stored is not None:
            return stored
        return self._proved.get_or_fill(
            piece.digest, piece.length, inner, length, lambda: self._fetch(reference, start, piece)
        )

    def _fetch(self, reference: Reference, start: int, piece: Piece) -> tuple[Data, bytes]:
        """Read a chunk at the source and prove it; return it with its block table.

        Where the source says nothing of its state, the cache may have bytes of another one: these are dropped, and the
        source is asked.
        """
        source = reference.at_source
        for _attempt in range(2):
            with self._handlers.reader(source) as reader:
                data = reader.read(start, piece.length)
            found, table = digest_and_table(data)
            if found == piece.digest:
                return data, table
            if not self._handlers.forget(source):
                break
        end = start + piece.length
        raise ReferenceChangedError(
            f"{quoted(reference.uri)} is not what the artifact refers to any more, as its bytes from {start} to {end} "
            "have another digest: bring it back, or log a new version"
        )
