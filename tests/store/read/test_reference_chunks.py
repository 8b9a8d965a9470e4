"""Chunks of a reference are found in chunk lists of any length; a list that does not fit its object is refused."""

from __future__ import annotations

import random
from itertools import accumulate

import pytest

from artfs.errors import IntegrityError
from artfs.format.chunk_rows import ROW_SIZE, encode_chunk_rows
from artfs.format.chunklist import Piece
from artfs.format.node import Entry
from artfs.format.reference import ChunkList, Reference, reference_entry
from artfs.store.reference_chunks import ReferenceChunks


def _listed(pieces: list[Piece], size: int | None = None) -> tuple[ReferenceChunks, Entry]:
    data = encode_chunk_rows(pieces)
    size = sum(piece.length for piece in pieces) if size is None else size
    reference = Reference("a:b", size, chunks=ChunkList(bytes(32), len(data)))
    chunks = ReferenceChunks(lambda _file, offset, length: data[offset : offset + length])
    return chunks, reference_entry(b"r", reference, 0o644, 0)


@pytest.mark.parametrize("count", [2, 799, 800, 801, 1600, 2500])
def test_every_chunk_is_found_by_its_first_and_last_byte(count: int) -> None:
    rng = random.Random(count)
    pieces = [Piece(rng.randrange(1, 1000), rng.randbytes(32)) for _ in range(count)]
    chunks, entry = _listed(pieces)
    starts = list(accumulate((piece.length for piece in pieces[:-1]), initial=0))
    expected = list(zip(starts, pieces, strict=True))
    assert list(chunks.pieces(entry)) == expected
    for start, piece in expected:
        assert chunks.piece_at(entry, start) == chunks.piece_at(entry, start + piece.length - 1) == (start, piece)


@pytest.mark.parametrize("size", [2, 8, 11])
def test_a_list_that_does_not_end_with_its_object_is_refused(size: int) -> None:
    chunks, entry = _listed([Piece(5, bytes(32)), Piece(5, bytes(32))], size)
    for use in (lambda: list(chunks.pieces(entry)), lambda: chunks.piece_at(entry, size - 1)):
        with pytest.raises(IntegrityError, match="does not end with the object"):
            use()


def test_blocks_that_are_out_of_order_are_refused() -> None:
    pieces = [Piece(10, bytes(32))] * 1600
    data = bytearray(encode_chunk_rows(pieces))
    data[799 * ROW_SIZE : 799 * ROW_SIZE + 8] = (1 << 40).to_bytes(8, "little")
    _chunks, entry = _listed(pieces)
    chunks = ReferenceChunks(lambda _file, offset, length: data[offset : offset + length])
    with pytest.raises(IntegrityError, match="is malformed"):
        list(chunks.pieces(entry))
    with pytest.raises(IntegrityError, match="is malformed"):
        chunks.piece_at(entry, 12_000)
