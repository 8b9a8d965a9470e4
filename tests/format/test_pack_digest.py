"""What identifies stored bytes is part of the format: it must never change."""

from __future__ import annotations

from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from artfs.format.digest import (
    BLOCK_SIZE,
    block_hashes,
    block_table,
    digest,
    digest_and_table,
    table_digest,
    table_size,
)

LENGTHS = st.sampled_from([1, 2, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 2 * BLOCK_SIZE, 2 * BLOCK_SIZE + 7])


def data_of(length: int, seed: bytes = b"data") -> bytes:
    return blake3(seed).digest(length=length)


def test_the_digest_of_one_block_is_its_plain_blake3() -> None:
    assert digest(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert digest(data_of(BLOCK_SIZE)) == blake3(data_of(BLOCK_SIZE)).digest()
    assert block_table(data_of(BLOCK_SIZE)) == b""


def test_the_digest_of_several_blocks_is_pinned() -> None:
    assert digest(data_of(BLOCK_SIZE + 1)).hex() == "4ff44b08ea9d64670df66814dc544caec52ef421742509fe7f2eaf306414d7aa"
    assert digest(bytes(2 << 20)).hex() == "58e26323d60db948f63e6c82dbf18325f1b08d2b21802636e9ed81b45503b3e2"


def test_the_digest_of_several_blocks_follows_from_their_table_alone() -> None:
    data = data_of(3 * BLOCK_SIZE + 5)
    hashes = [blake3(data[at : at + BLOCK_SIZE]).digest() for at in range(0, len(data), BLOCK_SIZE)]
    assert block_table(data) == b"".join(hashes)
    assert digest(data) == table_digest(block_table(data))
    assert digest_and_table(data) == (digest(data), block_table(data))


def test_a_block_table_stored_as_data_has_another_digest_than_the_data_it_describes() -> None:
    data = data_of(3 * BLOCK_SIZE)
    assert digest(block_table(data)) != digest(data)


@given(LENGTHS)
def test_the_table_size_follows_from_the_length(length: int) -> None:
    assert table_size(length) == len(block_table(bytes(length)))


@given(LENGTHS, st.integers(min_value=0), st.integers(0, 7))
def test_every_bit_counts(length: int, where: int, bit: int) -> None:
    data = bytearray(data_of(length))
    before = digest(data)
    data[where % length] ^= 1 << bit
    assert digest(data) != before


@given(LENGTHS)
def test_the_form_of_the_buffer_does_not_matter(length: int) -> None:
    data = data_of(length)
    assert digest(data) == digest(bytearray(data)) == digest(memoryview(b"x" + data)[1:])
    assert block_hashes(memoryview(data)) == block_hashes(data)
