"""Chunk lists of references: their bytes, and what is refused."""

from __future__ import annotations

import pytest

from artfs.errors import IntegrityError
from artfs.format.chunk_rows import ChunkRow, decode_chunk_rows, encode_chunk_rows
from artfs.format.chunklist import Piece
from artfs.format.node import Kind
from artfs.format.reference import ChunkList, Reference, decode_reference, reference_entry, stored_file

_ONE, _TWO = bytes(32), b"\1" * 32


def test_the_bytes_are_those_of_the_format() -> None:
    data = encode_chunk_rows([Piece(5, _ONE), Piece(1, _TWO)])
    assert data == (5).to_bytes(8, "little") + _ONE + (6).to_bytes(8, "little") + _TWO
    assert decode_chunk_rows(data, is_start=True) == [ChunkRow(0, b""), ChunkRow(5, _ONE), ChunkRow(6, _TWO)]
    assert decode_chunk_rows(data, is_start=False) == [ChunkRow(5, _ONE), ChunkRow(6, _TWO)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        encode_chunk_rows([Piece(5, _ONE)])[:-1],
        encode_chunk_rows([Piece(0, _ONE)]),
        encode_chunk_rows([Piece(5, _ONE), Piece(0, _TWO)]),
        encode_chunk_rows([Piece((16 << 20) + 1, _ONE)]),
        encode_chunk_rows([Piece(5, _ONE)]) + encode_chunk_rows([Piece(4, _TWO)]),
    ],
)
def test_rows_that_nobody_writes_are_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="is malformed"):
        decode_chunk_rows(data, is_start=True)


def test_references_without_a_chunk_list_have_the_bytes_that_they_always_had() -> None:
    extra = reference_entry(b"r", Reference("a:b", 1), 0o644, 0).extra
    assert extra == b"\x95\xa3a:b\x01\xc0\xc0\xc0"
    extra = reference_entry(b"r", Reference("a:b", 1, modified_ns=7), 0o644, 0).extra
    assert extra == b"\x96\xa3a:b\x01\xc0\xc0\xc0\x07"


def test_a_chunk_list_is_the_last_field_and_leads_to_a_file_of_the_store() -> None:
    reference = Reference("a:b", 7, chunks=ChunkList(_TWO, 80, 1))
    entry = reference_entry(b"r", reference, 0o644, 0)
    assert entry.extra == b"\x97\xa3a:b\x07\xc0\xc0\xc0\xc0\x93\xc4\x20" + _TWO + b"\x50\x01"
    assert decode_reference(entry) == reference
    file = stored_file(entry)
    assert file is not None
    assert (file.kind, file.size, file.digest, file.extra) == (Kind.FILE, 80, _TWO, b"\1")
    assert stored_file(reference_entry(b"r", Reference("a:b", 7, chunks=ChunkList(_TWO)), 0o644, 0)) is None
    with pytest.raises(IntegrityError, match="is malformed"):
        decode_reference(reference_entry(b"r", Reference("a:b", 7, chunks=ChunkList(_TWO, 81)), 0o644, 0))
