"""Chunk lists: the contents of a file of several chunks, as a tree of pages.

A page holds rows of 40 bytes: the end of a piece, counted from the page's start, and its digest. In a page of height
1 the pieces are chunks; in one of height n they are pages of height n - 1. Layout (docs/FORMAT.md, "Chunk lists"),
little-endian: a header of 24 bytes (magic, height, row count, bytes covered), then the rows.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from artfs.errors import IntegrityError
from artfs.format.digest import digest

__all__ = ["ChunkPage", "Piece", "decode_chunk_page", "encode_chunk_page"]

_MAGIC = b"ATC1"
_HEADER = struct.Struct("<4sB3xIIQ")
_ROW = struct.Struct("<Q32s")


class Piece(NamedTuple):
    """A chunk, or a page of a chunk list: its length in bytes and its digest."""

    length: int
    digest: bytes


class ChunkPage(NamedTuple):
    """A decoded page of a chunk list.

    Attributes:
        height: 1 where the pieces are chunks.
        ends: The end of each piece, from the page's start.
        digests: Of the pieces.
    """

    height: int
    ends: tuple[int, ...]
    digests: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes covered."""
        return self.ends[-1]

    def find(self, offset: int) -> int:
        """Return the number of the piece that holds the byte at `offset` (0 <= offset < size)."""
        return bisect_right(self.ends, offset)


def encode_chunk_page(height: int, pieces: Sequence[Piece]) -> bytes:
    """Encode one page of at least one piece, none of them empty."""
    ends = list(accumulate(piece.length for piece in pieces))
    rows = b"".join([_ROW.pack(end, piece.digest) for end, piece in zip(ends, pieces, strict=True)])
    return _HEADER.pack(_MAGIC, height, len(pieces), 0, ends[-1]) + rows


def decode_chunk_page(data: bytes) -> ChunkPage:
    """Decode and validate one page.

    Raises:
        IntegrityError: The bytes are not what `encode_chunk_page` writes.
    """
    try:
        magic, height, count, reserved, size = _HEADER.unpack_from(data)
        if magic != _MAGIC or data[5:8] != b"\0\0\0" or reserved or not height or not count:
            raise ValueError("header")
        if len(data) != _HEADER.size + count * _ROW.size:
            raise ValueError("length")
        ends, digests = zip(*_ROW.iter_unpack(data[_HEADER.size :]), strict=True)
        if ends[0] == 0 or ends[-1] != size or any(a >= b for a, b in pairwise(ends)):
            raise ValueError("ends")
    except (struct.error, ValueError) as error:
        raise IntegrityError(f"chunk list {digest(data).hex()} is malformed: {error}") from error
    return ChunkPage(height, ends, digests)
