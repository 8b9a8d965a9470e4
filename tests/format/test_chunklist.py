"""Chunk lists: every offset leads to its chunk, and malformed pages are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.errors import IntegrityError
from artfs.format.chunklist import Piece, decode_chunk_page, encode_chunk_page
from artfs.format.digest import digest

pieces = st.lists(
    st.builds(Piece, st.integers(1, 1 << 21), st.binary(min_size=32, max_size=32)), min_size=1, max_size=50
)


@given(pieces, st.integers(1, 5), st.data())
def test_every_offset_is_found_in_its_piece(rows: list[Piece], height: int, data: st.DataObject) -> None:
    page = decode_chunk_page(encode_chunk_page(height, rows))
    assert page.height == height
    assert page.digests == tuple(piece.digest for piece in rows)
    assert page.size == sum(piece.length for piece in rows)
    offset = data.draw(st.integers(0, page.size - 1))
    row = page.find(offset)
    assert sum(piece.length for piece in rows[:row]) <= offset < sum(piece.length for piece in rows[: row + 1])


def test_truncated_padded_and_empty_pages_are_refused() -> None:
    data = encode_chunk_page(1, [Piece(5, digest(b"a")), Piece(6, digest(b"b"))])
    for wrong in [data[:size] for size in range(len(data))] + [data + b"\0"]:
        with pytest.raises(IntegrityError):
            decode_chunk_page(wrong)


def test_pieces_without_bytes_are_refused() -> None:
    with pytest.raises(IntegrityError):
        decode_chunk_page(encode_chunk_page(1, [Piece(5, digest(b"a")), Piece(0, digest(b"b"))]))
