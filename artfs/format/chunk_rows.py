"""Chunk lists of references: rows of 40 bytes, in a file of the store.

A row is the end of a chunk, counted from the object's start, and its digest (docs/FORMAT.md, "References"). They are a
file, and no pages as the chunk lists of files are, since a page vouches for the chunks that it names.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from artfs.errors import IntegrityError
from artfs.format.chunklist import Piece
from artfs.format.digest import Data
from artfs.format.pack import MAX_PLAIN_SIZE

__all__ = ["ROW_SIZE", "ChunkRow", "decode_chunk_rows", "encode_chunk_rows"]

_ROW: Final = struct.Struct("<Q32s")
ROW_SIZE: Final = _ROW.size


class ChunkRow(NamedTuple):
    """A chunk of an object: the offset after its last byte, and its digest."""

    end: int
    digest: bytes


_BEFORE_FIRST: Final = ChunkRow(0, b"")


def encode_chunk_rows(pieces: Iterable[Piece]) -> bytes:
    """Encode the chunks of a whole object, in order."""
    rows = list(pieces)
    ends = accumulate(piece.length for piece in rows)
    return b"".join([_ROW.pack(end, piece.digest) for end, piece in zip(ends, rows, strict=True)])


def decode_chunk_rows(data: Data, *, is_start: bool) -> list[ChunkRow]:
    """Decode and validate rows that follow one another.

    Args:
        data: Their bytes.
        is_start: They are the first ones. Otherwise a row comes with them that is before the first.

    Returns:
        The rows, with the one before the first; that has the end 0 if they are the first ones.

    Raises:
        IntegrityError: They are not what `encode_chunk_rows` writes.
    """
    if len(data) % ROW_SIZE:
        raise IntegrityError("the chunk list of a reference is malformed: a row is cut off")
    rows = [_BEFORE_FIRST] if is_start else []
    rows += [ChunkRow(*row) for row in _ROW.iter_unpack(data)]
    if len(rows) < 2 or any(not 0 < after.end - before.end <= MAX_PLAIN_SIZE for before, after in pairwise(rows)):
        raise IntegrityError("the chunk list of a reference is malformed: ends that no chunks have")
    return rows
