"""A journal record is read back whole, or it is known to be torn or damaged: never anything else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.errors import IntegrityError, StoreFormatError
from artfs.format.journal import (
    MAX_BODY_SIZE,
    SEGMENT_HEADER_SIZE,
    SegmentHeader,
    decode_segment_header,
    encode_record,
    encode_segment_header,
    genesis,
    parse_record,
)
from artfs.format.operations import (
    AliasSet,
    ArtifactCreated,
    Entry,
    Op,
    Tree,
    VersionCreated,
    VersionFields,
    decode_entry,
    encode_entry,
)

PREVIOUS = bytes(range(32))
TREE = Tree(b"r" * 32, b"d" * 32, 3, 1, 0o755, -1)


def entry(*ops: Op) -> Entry:
    return Entry(5, "ann", "lab", 42, None, ops)


def raw_op(*fields: object) -> bytes:
    """An entry of one operation, encoded without any validation."""
    return msgspec.msgpack.encode([5, "ann", "lab", 42, None, [fields]])


@given(st.integers(1, 2**63), st.binary(max_size=300))
def test_a_record_reads_back_as_it_was_written(seq: int, body: bytes) -> None:
    data, own = encode_record(seq, PREVIOUS, body)
    record = parse_record(b"before" + data, 6)
    assert record is not None
    assert (record.seq, record.previous, record.hash, record.body) == (seq, PREVIOUS, own, body)
    assert record.size == len(data)


@given(st.binary(max_size=200), st.data())
def test_a_flipped_bit_is_never_read(body: bytes, data: st.DataObject) -> None:
    record, _own = encode_record(7, PREVIOUS, body)
    place = data.draw(st.integers(0, 8 * len(record) - 1))
    damaged = bytearray(record)
    damaged[place // 8] ^= 1 << place % 8
    with pytest.raises(IntegrityError):
        parse_record(bytes(damaged), 0)


@given(st.binary(max_size=200), st.data())
def test_a_flipped_bit_before_the_last_record_is_no_torn_record(body: bytes, data: st.DataObject) -> None:
    first, own = encode_record(7, PREVIOUS, body)
    second, _own = encode_record(8, own, bytes(2000))
    place = data.draw(st.integers(0, 8 * len(first) - 1))
    damaged = bytearray(first + second)
    damaged[place // 8] ^= 1 << place % 8
    with pytest.raises(IntegrityError):
        parse_record(bytes(damaged), 0)


@given(st.binary(max_size=200), st.data())
def test_a_record_that_the_file_ends_in_is_torn(body: bytes, data: st.DataObject) -> None:
    record, _own = encode_record(7, PREVIOUS, body)
    length = data.draw(st.integers(1, len(record) - 1))
    assert parse_record(record[:length], 0) is None


@given(st.integers(0, 1023), st.integers(0, 3), st.binary(min_size=1200, max_size=2000))
def test_a_record_with_a_sector_that_was_never_written_is_torn(base: int, missing: int, body: bytes) -> None:
    record, _own = encode_record(7, PREVIOUS, body)
    sector = bytearray(record)
    start = max(0, missing * 512 - base % 512)
    stop = min(len(record), (missing + 1) * 512 - base % 512)
    if stop <= start or not any(record[start:stop]):
        return
    sector[start:stop] = bytes(stop - start)
    if start == 0 and stop < 4 and record[:stop] == bytes(stop):
        return
    assert parse_record(bytes(sector), 0, base) is None


def test_zeros_after_the_last_record_are_torn() -> None:
    assert parse_record(bytes(10_000), 0) is None


def test_zeros_before_another_record_are_damage() -> None:
    record, _own = encode_record(8, PREVIOUS, b"body")
    with pytest.raises(IntegrityError):
        parse_record(bytes(1024) + record, 0)


def test_an_unwritten_sector_before_another_record_is_damage() -> None:
    record, own = encode_record(7, PREVIOUS, b"x" * 2000)
    following, _own = encode_record(8, own, b"body")
    with pytest.raises(IntegrityError):
        parse_record(record[:1024] + bytes(512) + record[1536:] + following, 0)


def test_a_hostile_length_is_damage_and_no_torn_record() -> None:
    record, _own = encode_record(8, PREVIOUS, b"body")
    with pytest.raises(IntegrityError):
        parse_record(record[:4] + (MAX_BODY_SIZE + 1).to_bytes(4, "little") + record[8:], 0)
    with pytest.raises(ValueError, match="too long"):
        encode_record(8, PREVIOUS, bytes(MAX_BODY_SIZE + 1))


def test_the_bytes_of_a_record_are_those_of_the_specification() -> None:
    record, own = encode_record(3, PREVIOUS, b"body")
    assert record[:4] == b"JR01"
    assert record[4:8] == (4).to_bytes(4, "little")
    assert record[8:16] == (3).to_bytes(8, "little")
    assert record[16:48] == PREVIOUS
    assert record[56:60] == b"body"
    assert record[60:] == own
    assert own.hex() == "9b7b5889b7cf8be45d2181df01d03799aded9a49bf65cab561e73c7c01b04283"
    assert genesis(b"sixteen bytes id").hex() == "6e52dd247c83388213a50239fff2993b3435307b0e80410e45888a833a32826a"


def test_a_segment_header_reads_back_and_a_flipped_bit_is_found() -> None:
    header = encode_segment_header(9, PREVIOUS)
    assert len(header) == SEGMENT_HEADER_SIZE
    assert decode_segment_header(header + b"more") == SegmentHeader(9, PREVIOUS)
    for place in range(8 * len(header)):
        damaged = bytearray(header)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(IntegrityError):
            decode_segment_header(bytes(damaged))
    with pytest.raises(IntegrityError):
        decode_segment_header(header[:-1])


def test_an_entry_reads_back_as_it_was_written() -> None:
    fields = VersionFields("a cat", b'{"a":1}', ("big cat",), 5)
    said = entry(
        ArtifactCreated(16, "animals", "model", 1), VersionCreated(17, 16, 0, TREE, 1, fields, "0123abcd", "zoo:v1")
    )
    assert decode_entry(encode_entry(said)) == said


def test_fields_that_a_newer_artfs_appends_are_passed_over() -> None:
    body = raw_op("artifact-created", 16, "animals", "model", 1, "text", "a new field")
    assert decode_entry(body).ops == (ArtifactCreated(16, "animals", "model", 1, "text"),)


HOSTILE = {
    "an operation nobody knows": ("artifact-sold", 16),
    "a name with a slash": ("artifact-created", 16, "../x", "model", 1),
    "a bad type": ("artifact-created", 16, "x", "a b", 1),
    "a reserved serial": ("artifact-created", 15, "x", "model", 1),
    "a serial too large for an inode": ("artifact-created", 1 << 31, "x", "model", 1),
    "an alias that is a version": ("alias-set", 17, 16, "v1", 0, None),
    "an alias with a slash": ("alias-set", 17, 16, "a/b", 0, None),
    "a negative index": ("version-deleted", 16, -1),
    "a short digest": ("version-created", 17, 16, 0, [b"r" * 31, b"d" * 32, 1, 1, 0o755, 0], 1, []),
    "a setuid directory": ("version-created", 17, 16, 0, [b"r" * 32, b"d" * 32, 1, 1, 0o4755, 0], 1, []),
    "a negative size": ("version-created", 17, 16, 0, [b"r" * 32, b"d" * 32, -1, 1, 0o755, 0], 1, []),
    "a bad tag": ("version-edited", 16, 0, ["", b"{}", ["a  b"]], []),
    "no time to live": ("version-edited", 16, 0, ["", b"{}", [], 0], []),
    "too few fields": ("alias-set", 17, 16),
}


@pytest.mark.parametrize("op", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_operation_is_refused_where_it_is_decoded(op: tuple[object, ...]) -> None:
    with pytest.raises(StoreFormatError):
        decode_entry(raw_op(*op))


def test_no_operation_can_be_made_that_could_not_be_read() -> None:
    with pytest.raises(ValueError, match="not allowed"):
        ArtifactCreated(16, "a/b/c", "model", 1)
    with pytest.raises(ValueError, match="not allowed"):
        AliasSet(17, 16, "v1", 0, None)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_entry_are_refused(body: bytes) -> None:
    with pytest.raises(StoreFormatError):
        decode_entry(body)
