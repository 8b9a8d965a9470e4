"""Look up the chunks of an object that a reference is to, in the chunk list that is kept with it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Final

from artfs.errors import IntegrityError
from artfs.format.chunk_rows import ROW_SIZE, ChunkRow, decode_chunk_rows
from artfs.format.chunklist import Piece
from artfs.format.digest import Data
from artfs.format.node import Entry
from artfs.format.reference import decode_reference, stored_file

__all__ = ["ReferenceChunks"]

_ROWS: Final = 800
"""Rows that are read at a time: a block of what is verified together."""
_MAX_BLOCKS: Final = 64
_end: Final = attrgetter("end")


class ReferenceChunks:
    """Chunk lists of references, of which the blocks that were used last stay decoded. Threads may share it.

    Args:
        read: Reads a range of a stored file.
    """

    def __init__(self, read: Callable[[Entry, int, int], Data]) -> None:
        self._read = read
        self._block = lru_cache(_MAX_BLOCKS)(self._load)

    def piece_at(self, reference: Entry, offset: int) -> tuple[int, Piece]:
        """Find the chunk of an object that contains a byte; return where it begins, and the chunk.

        Args:
            reference: With a chunk list.
            offset: 0 <= offset < reference.size.

        Raises:
            IntegrityError: The chunk list is missing, damaged or malformed.
        """
        file = stored_file(reference)
        if file is None:
            return 0, _only_chunk(reference)
        low, high = 0, _blocks(file) - 1
        while low < high:
            middle = (low + high) // 2
            if self._block(file, middle)[-1].end <= offset:
                low = middle + 1
            else:
                high = middle
        rows = self._rows(reference, file, low)
        number = bisect_right(rows, offset, key=_end)
        if not 0 < number < len(rows):
            raise IntegrityError("the chunk list of a reference is malformed: its blocks are out of order")
        return _piece(rows, number)

    def pieces(self, reference: Entry) -> Iterator[tuple[int, Piece]]:
        """Yield where each chunk of an object begins, and the chunk, in order.

        Raises:
            IntegrityError: The chunk list is missing, damaged or malformed.
        """
        if not reference.size:
            return
        file = stored_file(reference)
        if file is None:
            yield 0, _only_chunk(reference)
            return
        for block in range(_blocks(file)):
            rows = self._rows(reference, file, block)
            for number in range(1, len(rows)):
                yield _piece(rows, number)

    def _rows(self, reference: Entry, file: Entry, block: int) -> list[ChunkRow]:
        rows = self._block(file, block)
        if block == _blocks(file) - 1 and rows[-1].end != reference.size:
            raise IntegrityError("the chunk list of a reference is malformed: it does not end with the object")
        return rows

    def _load(self, file: Entry, block: int) -> list[ChunkRow]:
        before = 1 if block else 0
        data = self._read(file, (block * _ROWS - before) * ROW_SIZE, (_ROWS + before) * ROW_SIZE)
        return decode_chunk_rows(data, is_start=not block)


def _blocks(file: Entry) -> int:
    return -(-file.size // (_ROWS * ROW_SIZE))


def _only_chunk(reference: Entry) -> Piece:
    chunks = decode_reference(reference).chunks
    if chunks is None:
        raise IntegrityError("a reference has no chunk list")
    return Piece(reference.size, chunks.digest)


def _piece(rows: list[ChunkRow], number: int) -> tuple[int, Piece]:
    start = rows[number - 1].end
    return start, Piece(rows[number].end - start, rows[number].digest)
