"""Each invariant of packs has a check that finds it broken."""

from __future__ import annotations

import random
from pathlib import Path
from zlib import crc32

import pytest
import zstandard

from artfs.chunks.check_pack import check_pack
from artfs.chunks.reader import PackReader
from artfs.chunks.recover import read_footer
from artfs.errors import IntegrityError
from artfs.format.digest import BLOCK_SIZE, block_table, digest
from artfs.format.pack import (
    HEAD_SIZE,
    HEADER_SIZE,
    TRAILER_SIZE,
    Codec,
    Location,
    PackKind,
    RecordKind,
    encode_entry,
    encode_head,
    encode_header,
    encode_trailer,
    stored_checksum,
)
from tests.support.data.packs import Place, Stored, StoredPack, append, opened, write_at


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def broken(path: Path) -> list[str]:
    """Which invariants a thorough check finds broken."""
    return [damage.invariant for damage in check_pack(opened(path), read_data=True)]


def test_a_check_without_data_does_not_read_it(pack: tuple[StoredPack, list[Stored]]) -> None:
    sealed, stored = pack
    write_at(sealed.path, stored[0].location.offset + HEAD_SIZE, b"damage")
    assert list(check_pack(opened(sealed.path), read_data=False)) == []
    assert broken(sealed.path) == ["P6"]


def test_damage_names_the_chunk_that_is_lost(pack: tuple[StoredPack, list[Stored]]) -> None:
    sealed, stored = pack
    write_at(sealed.path, stored[3].location.offset + HEAD_SIZE + 5, b"damage")
    (damage,) = check_pack(opened(sealed.path), read_data=True)
    assert damage.digest == stored[3].digest
    assert stored[3].location.offset <= damage.offset < stored[4].location.offset


def test_p1_a_pack_under_another_packs_name_is_found(place: Place, pack: tuple[StoredPack, list[Stored]]) -> None:
    other = place.path(bytes(16))
    other.parent.mkdir(exist_ok=True)
    pack[0].path.rename(other)
    assert broken(other) == ["P1"]
    with pytest.raises(IntegrityError, match="another pack's name"):
        read_footer(opened(other))


def test_p1_a_pack_in_another_packs_directory_is_found(place: Place, pack: tuple[StoredPack, list[Stored]]) -> None:
    other = place.packs / "no" / pack[0].path.name
    other.parent.mkdir()
    pack[0].path.rename(other)
    assert broken(other) == ["P1"]


def test_p2_a_damaged_header_is_found_and_the_records_are_checked_all_the_same(
    pack: tuple[StoredPack, list[Stored]],
) -> None:
    sealed, stored = pack
    write_at(sealed.path, 3, b"X")
    write_at(sealed.path, stored[0].location.offset + HEAD_SIZE, b"damage")
    assert broken(sealed.path) == ["P2", "P6"]


def handmade(
    place: Place, records: list[tuple[bytes, bytes]], kind: PackKind = PackKind.DATA, gap: bytes = b""
) -> Path:
    """A pack whose checksums are all right, made of `records` (bytes, footer entry) with `gap` before the footer."""
    header = encode_header(kind, bytes(16))
    footer = b"".join(entry for _, entry in records)
    body = header + b"".join(record for record, _ in records) + gap
    path = place.path(bytes(16))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(body + footer + encode_trailer(len(records), len(body), digest(footer)))
    return path


def record(
    plain: bytes, stored: bytes | None = None, padding: bytes = b"", table: bytes | None = None, of: bytes | None = None
) -> tuple[bytes, bytes]:
    """One chunk record at the beginning of a pack, with parts of it as a wrong writer would have made them."""
    codec = Codec.RAW if stored is None else Codec.ZSTD
    data = plain if stored is None else stored
    if table is None:
        table = block_table(plain) if codec == Codec.RAW else b""
    name = of or digest(plain)
    head = encode_head(codec, RecordKind.CHUNK, len(plain), len(data), name, table, stored_checksum(codec, data))
    made = head + table + data + padding
    made += bytes(-len(made) % 8)
    return made, encode_entry(name, Location(bytes(16), HEADER_SIZE, len(data), len(plain), codec), RecordKind.CHUNK)


def test_a_handmade_pack_is_sound_where_nothing_was_made_wrong(place: Place) -> None:
    assert broken(handmade(place, [record(noise(2 * BLOCK_SIZE))])) == []


def test_p3_bytes_between_the_records_and_the_footer_are_found(place: Place) -> None:
    assert "P10" in broken(handmade(place, [record(b"plain")], gap=bytes(8)))


def test_p4_a_damaged_head_is_found(pack: tuple[StoredPack, list[Stored]]) -> None:
    sealed, stored = pack
    write_at(sealed.path, stored[1].location.offset + 60, b"\0\0\0\0")
    assert broken(sealed.path) == ["P4"]


def test_p5_a_block_table_of_other_data_is_found(place: Place) -> None:
    plain = noise(2 * BLOCK_SIZE)
    wrong = block_table(noise(2 * BLOCK_SIZE, 2))
    assert broken(handmade(place, [record(plain, table=wrong)])) == ["P5"]


def test_p6_data_of_another_digest_is_found(place: Place) -> None:
    assert broken(handmade(place, [record(b"plain", of=digest(b"other"))])) == ["P6"]


@pytest.mark.parametrize(
    "frame",
    [
        zstandard.ZstdCompressor().compress(bytes(5000))[:-1],
        zstandard.ZstdCompressor().compress(bytes(5000)) + b"\0",
        zstandard.ZstdCompressor().compress(bytes(4999)),
        zstandard.ZstdCompressor(write_content_size=False).compress(bytes(5000)),
    ],
    ids=["cut-off", "trailing", "other-size", "no-size"],
)
def test_p7_a_frame_that_is_not_what_the_record_says_is_found(place: Place, frame: bytes) -> None:
    assert broken(handmade(place, [record(bytes(5000), stored=frame)])) == ["P7"]


def test_p7_a_bit_of_a_frame_that_decompression_overlooks_is_found(place: Place) -> None:
    sealed, (chunk,) = place.store([bytes(5000)])
    at = chunk.location.offset + HEAD_SIZE + 4
    (descriptor,) = sealed.path.read_bytes()[at : at + 1]
    write_at(sealed.path, at, bytes([descriptor ^ 0x10]))  # "unused", says RFC 8878
    with PackReader(place.storage) as reader:
        assert reader.read(chunk.location, chunk.digest) == chunk.plain
    assert broken(sealed.path) == ["P7"]


def test_p8_padding_that_is_not_zero_is_found(place: Place) -> None:
    assert broken(handmade(place, [record(b"plain", padding=b"\1")])) == ["P8"]


def test_p9_a_damaged_trailer_is_found_and_the_records_are_checked_all_the_same(
    pack: tuple[StoredPack, list[Stored]],
) -> None:
    sealed, stored = pack
    write_at(sealed.path, sealed.size - 5, b"X")
    write_at(sealed.path, stored[0].location.offset + HEAD_SIZE, b"damage")
    assert broken(sealed.path)[:2] == ["P9", "P6"]


def test_p10_a_damaged_footer_is_found_and_the_records_are_checked_all_the_same(
    pack: tuple[StoredPack, list[Stored]],
) -> None:
    sealed, stored = pack
    write_at(sealed.path, sealed.size - TRAILER_SIZE - 5, b"X")
    write_at(sealed.path, stored[0].location.offset + HEAD_SIZE, b"damage")
    assert broken(sealed.path) == ["P10", "P6"]


def test_p11_a_footer_that_describes_another_record_is_found(place: Place) -> None:
    made, _ = record(b"plain")
    _, entry = record(b"other")
    assert "P11" in broken(handmade(place, [(made, entry)]))


def test_p12_a_chunk_in_a_pack_of_nodes_is_found(place: Place) -> None:
    assert broken(handmade(place, [record(b"plain")], PackKind.NODES)) == ["P12"]


def test_p12_a_chunk_written_to_a_pack_of_nodes_is_found(place: Place) -> None:
    with place.writer(PackKind.NODES) as writer:
        append(writer, b"chunk", RecordKind.CHUNK)
        (sealed,) = place.finish(writer)
    assert broken(sealed.path) == ["P12"]


def test_the_checksum_of_a_head_is_that_of_the_format_page() -> None:
    table = block_table(bytes(BLOCK_SIZE + 1))
    head = encode_head(Codec.RAW, RecordKind.CHUNK, BLOCK_SIZE + 1, BLOCK_SIZE + 1, bytes(32), table, 0)
    assert int.from_bytes(head[60:], "little") == crc32(head[:60] + table)
