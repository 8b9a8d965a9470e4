"""The bytes of a pack: pinned, and refused unless they are exactly what the encoder would have made."""

from __future__ import annotations

import struct
from collections.abc import Callable
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.errors import IntegrityError
from artfs.format.digest import BLOCK_SIZE, block_table, digest
from artfs.format.pack import (
    ENTRY_SIZE,
    HEAD_SIZE,
    HEADER_SIZE,
    MAX_PLAIN_SIZE,
    TRAILER_SIZE,
    Codec,
    FooterEntry,
    Location,
    PackHeader,
    PackKind,
    RecordHead,
    RecordKind,
    Trailer,
    decode_footer,
    decode_header,
    decode_trailer,
    encode_entry,
    encode_head,
    encode_header,
    encode_trailer,
    parse_head,
    record_size,
)

PACK = bytes(range(16))
DIGEST = digest(b"data")
SIZES = st.integers(1, MAX_PLAIN_SIZE)
LOCATIONS = st.builds(
    lambda pack, offset, lengths, codec: Location(
        pack, offset, min(lengths) if codec else max(lengths), max(lengths), codec
    ),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**62),
    st.lists(SIZES, min_size=2, max_size=2, unique=True),
    st.sampled_from(Codec),
)


def resealed(data: bytes, table: bytes = b"") -> bytes:
    """The same 64 bytes with a checksum that is right for them."""
    return data[:60] + struct.pack("<I", crc32(data[:60] + table))


def flips(data: bytes) -> list[bytes]:
    """All variants of `data` with one bit flipped."""
    whole = int.from_bytes(data, "little")
    return [(whole ^ (1 << bit)).to_bytes(len(data), "little") for bit in range(len(data) * 8)]


def test_the_bytes_of_every_part_are_pinned() -> None:
    assert encode_header(PackKind.NODES, PACK).hex() == (
        "4152544653504b010200000000000000000102030405060708090a0b0c0d0e0f" + "00" * 28 + "bd4348f6"
    )
    assert encode_head(Codec.ZSTD, RecordKind.NODE, 0x01020304, 0x00A0B0C0, DIGEST, b"", 0x01020304).hex() == (
        "524543310102000004030201c0b0a000" + DIGEST.hex() + "04030201" + "00" * 8 + "b52e382a"
    )
    assert encode_entry(DIGEST, Location(PACK, 0x40, 5, 9, Codec.ZSTD), RecordKind.CHUNK).hex() == (
        DIGEST.hex() + "400000000000000005000000090000000101000000000000"
    )
    assert encode_trailer(3, 0x1000, DIGEST).hex() == (
        "4152544653454e4403000000000000000010000000000000" + DIGEST.hex() + "00000000" + "f7953c25"
    )
    assert Location(PACK, 0x40, 5, 9, Codec.ZSTD).encode().hex() == PACK.hex() + "4000000000000000050000000900000001"


@given(LOCATIONS)
def test_a_location_comes_back_from_its_33_bytes(location: Location) -> None:
    data = location.encode()
    assert len(data) == 33
    assert Location.decode(data) == location


@pytest.mark.parametrize(
    ("offset", "stored_len", "plain_len", "codec"),
    [
        (2**62 + 1, 9, 9, 0),
        (64, 9, 8, 0),
        (64, 9, 9, 1),
        (64, 0, 0, 0),
        (64, 2**32 - 1, 2**32 - 1, 0),
        (64, 9, 2**32 - 1, 1),
        (64, 8, 9, 2),
    ],
)
def test_a_location_where_no_record_can_be_is_refused(offset: int, stored_len: int, plain_len: int, codec: int) -> None:
    with pytest.raises(ValueError, match="no record"):
        Location.decode(Location(PACK, offset, stored_len, plain_len, codec).encode())


def test_every_part_comes_back_as_it_was() -> None:
    table = block_table(bytes(BLOCK_SIZE + 1))
    assert decode_header(encode_header(PackKind.DATA, PACK)) == PackHeader(PackKind.DATA, PACK)
    front = encode_head(Codec.RAW, RecordKind.CHUNK, BLOCK_SIZE + 1, BLOCK_SIZE + 1, DIGEST, table, 0) + table
    head, data_at = parse_head(b"before" + front + b"data", 6)
    assert head == RecordHead(0, 1, BLOCK_SIZE + 1, BLOCK_SIZE + 1, DIGEST, 0, head.checksum)
    assert data_at == 6 + HEAD_SIZE + len(table)
    trailer = encode_trailer(2, 640, DIGEST)
    assert decode_trailer(trailer, 640 + 2 * ENTRY_SIZE + TRAILER_SIZE) == Trailer(2, 640, DIGEST)


def test_any_flipped_bit_in_a_header_is_refused() -> None:
    for damaged in flips(encode_header(PackKind.DATA, PACK)):
        with pytest.raises(IntegrityError):
            decode_header(damaged)


@pytest.mark.parametrize("table", [b"", block_table(bytes(BLOCK_SIZE + 1))], ids=["small", "with-table"])
def test_any_flipped_bit_in_a_head_or_its_table_is_refused(table: bytes) -> None:
    plain_len = BLOCK_SIZE + 1 if table else 100
    for damaged in flips(encode_head(Codec.RAW, RecordKind.CHUNK, plain_len, plain_len, DIGEST, table, 0) + table):
        with pytest.raises(IntegrityError):
            parse_head(damaged + bytes(MAX_PLAIN_SIZE // BLOCK_SIZE * 32))


def test_any_flipped_bit_in_a_trailer_is_refused() -> None:
    for damaged in flips(encode_trailer(1, 640, DIGEST)):
        with pytest.raises(IntegrityError):
            decode_trailer(damaged, 640 + ENTRY_SIZE + TRAILER_SIZE)


@pytest.mark.parametrize("size", [0, 1, 59, 63, 65])
@pytest.mark.parametrize("decode", [decode_header, lambda data: decode_trailer(data, 64)], ids=["header", "trailer"])
def test_a_part_of_another_length_is_refused(decode: Callable[[bytes], object], size: int) -> None:
    with pytest.raises(IntegrityError):
        decode((encode_header(PackKind.DATA, PACK) + bytes(1))[:size])


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, b"ARTFSPK\x02"), (8, b"\x00"), (8, b"\x03"), (9, b"\x01"), (32, b"\x01"), (59, b"\x01")],
    ids=["version", "no-kind", "kind-3", "reserved", "reserved-after-id", "last-reserved"],
)
def test_a_header_of_an_unknown_format_is_refused_although_its_checksum_is_right(at: int, value: bytes) -> None:
    header = encode_header(PackKind.DATA, PACK)
    with pytest.raises(IntegrityError):
        decode_header(resealed(header[:at] + value + header[at + len(value) :]))


@pytest.mark.parametrize(
    ("codec", "kind", "plain_len", "stored_len"),
    [
        (2, 1, 100, 50),
        (0, 0, 100, 100),
        (0, 3, 100, 100),
        (0, 1, 100, 99),
        (0, 1, 100, 101),
        (1, 1, 100, 100),
        (1, 1, 100, 0),
        (0, 1, 0, 0),
        (0, 1, MAX_PLAIN_SIZE + 1, MAX_PLAIN_SIZE + 1),
        (1, 1, 2**32 - 1, 100),
    ],
)
def test_a_head_that_no_writer_could_have_made_is_refused_although_its_checksum_is_right(
    codec: int, kind: int, plain_len: int, stored_len: int
) -> None:
    with pytest.raises(IntegrityError):
        parse_head(encode_head(codec, kind, plain_len, stored_len, DIGEST, b"", 0))
    with pytest.raises(IntegrityError):
        decode_footer(PACK, encode_entry(DIGEST, Location(PACK, 64, stored_len, plain_len, codec), kind))


@pytest.mark.parametrize("at", [6, 7, 48, 51, 52, 59])
def test_a_raw_head_with_reserved_bytes_set_is_refused_although_its_checksum_is_right(at: int) -> None:
    head = encode_head(Codec.RAW, RecordKind.CHUNK, 100, 100, DIGEST, b"", 0)
    with pytest.raises(IntegrityError):
        parse_head(resealed(head[:at] + b"\x01" + head[at + 1 :]))


def test_a_trailer_with_reserved_bytes_or_another_magic_is_refused_although_its_checksum_is_right() -> None:
    trailer = encode_trailer(0, 64, DIGEST)
    for damaged in (b"ARTFSENX" + trailer[8:], trailer[:59] + b"\x01" + trailer[60:]):
        with pytest.raises(IntegrityError):
            decode_trailer(resealed(damaged), 128)


@pytest.mark.parametrize(("count", "offset"), [(0, 63), (0, 56), (1, 64), (2**63, 64), (0, 2**64 - 1)])
def test_a_trailer_that_does_not_fit_the_file_is_refused(count: int, offset: int) -> None:
    with pytest.raises(IntegrityError):
        decode_trailer(encode_trailer(count, offset, DIGEST), offset + TRAILER_SIZE if offset < 64 else 128)


def test_a_table_that_was_not_read_yet_is_asked_for() -> None:
    table = block_table(bytes(3 * BLOCK_SIZE))
    head = encode_head(Codec.RAW, RecordKind.CHUNK, 3 * BLOCK_SIZE, 3 * BLOCK_SIZE, DIGEST, table, 0)
    _, data_at = parse_head(head)
    assert data_at == HEAD_SIZE + len(table)


def test_a_head_that_is_cut_off_is_refused() -> None:
    with pytest.raises(IntegrityError):
        parse_head(encode_head(Codec.RAW, RecordKind.CHUNK, 1, 1, DIGEST, b"", 0)[:-1])


def test_a_footer_lists_records_that_lie_end_to_end() -> None:
    first = Location(PACK, HEADER_SIZE, 101, 101, Codec.RAW)
    second = Location(PACK, HEADER_SIZE + record_size(Codec.RAW, 101, 101), 7, 9000, Codec.ZSTD)
    entries = [FooterEntry(DIGEST, first, RecordKind.CHUNK), FooterEntry(digest(b""), second, RecordKind.CHUNK)]
    encoded = [encode_entry(entry.digest, entry.location, entry.kind) for entry in entries]
    assert decode_footer(PACK, b"".join(encoded)) == entries
    for wrong in (encoded[1] + encoded[0], encoded[1], encoded[0] * 2, encoded[0] + encoded[1][:-1]):
        with pytest.raises(IntegrityError):
            decode_footer(PACK, wrong)


@given(st.integers(1, MAX_PLAIN_SIZE))
def test_records_begin_at_multiples_of_eight(plain_len: int) -> None:
    size = record_size(Codec.RAW, plain_len, plain_len)
    assert size % 8 == 0
    assert size >= HEAD_SIZE + plain_len
