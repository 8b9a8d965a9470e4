"""A pack alone tells what it holds, damaged or not, and each of its invariants has a check that finds it broken."""

from __future__ import annotations

import os
import random
from pathlib import Path
from zlib import crc32

import msgspec
import pytest
import zstandard

from artfs.chunks.check import check_pack
from artfs.chunks.reader import PackReader
from artfs.chunks.scan import Damage, read_footer, scan_records
from artfs.chunks.writer import SealedPack, pack_path
from artfs.errors import IntegrityError, StorageError
from artfs.format.digest import BLOCK_SIZE, block_table, digest
from artfs.format.pack import (
    ENTRY_SIZE,
    HEAD_SIZE,
    HEADER_SIZE,
    TRAILER_SIZE,
    Codec,
    FooterEntry,
    Location,
    PackKind,
    RecordKind,
    encode_entry,
    encode_head,
    encode_header,
    encode_trailer,
    stored_checksum,
)
from tests.support.packs import Place, Stored, append


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Overwrite bytes of a file in place."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def found_records(path: Path) -> list[FooterEntry]:
    return [found for found in scan_records(path) if isinstance(found, FooterEntry)]


def broken(path: Path) -> list[str]:
    """Which invariants a thorough check finds broken."""
    return [damage.invariant for damage in check_pack(path, read_data=True)]


@pytest.fixture
def pack(place: Place) -> tuple[SealedPack, list[Stored]]:
    return place.store([noise(1001), bytes(20_000), noise(5 * BLOCK_SIZE), noise(777, 2), noise(50, 3)])


def test_a_scan_of_the_records_finds_what_the_footer_says(pack: tuple[SealedPack, list[Stored]]) -> None:
    sealed, stored = pack
    assert list(scan_records(sealed.path)) == read_footer(sealed.path)
    assert [entry.digest for entry in read_footer(sealed.path)] == [chunk.digest for chunk in stored]


def test_a_large_chunk_whose_head_is_damaged_is_still_listed_and_read_as_a_whole(place: Place) -> None:
    sealed, (chunk, other) = place.store([noise(300_000), noise(300_000, 2)])
    write_at(sealed.path, chunk.location.offset + 20, b"damage")
    damaged, sound = read_footer(sealed.path)
    assert damaged.location == msgspec.structs.replace(chunk.location, table=b"")
    assert sound.location == other.location
    with PackReader(place.packs) as reader:
        assert reader.read(damaged.location, chunk.digest) == chunk.plain


def test_without_footer_and_trailer_every_record_is_still_found(pack: tuple[SealedPack, list[Stored]]) -> None:
    sealed, stored = pack
    before = read_footer(sealed.path)
    os.truncate(sealed.path, sealed.size - TRAILER_SIZE - len(stored) * ENTRY_SIZE)
    with pytest.raises(IntegrityError):
        read_footer(sealed.path)
    assert list(scan_records(sealed.path)) == before


def test_a_pack_that_was_cut_off_while_it_was_written_gives_its_whole_records(place: Place) -> None:
    sealed, stored = place.store([noise(40_000, seed) for seed in range(10)])
    os.truncate(sealed.path, stored[7].location.offset + 5000)
    assert [entry.digest for entry in found_records(sealed.path)] == [chunk.digest for chunk in stored[:7]]


@pytest.mark.parametrize("victim", range(5))
def test_behind_a_damaged_head_the_scan_goes_on(pack: tuple[SealedPack, list[Stored]], victim: int) -> None:
    sealed, stored = pack
    before = read_footer(sealed.path)
    write_at(sealed.path, stored[victim].location.offset + 9, b"\xff")
    assert found_records(sealed.path) == before[:victim] + before[victim + 1 :]
    (damage,) = [found for found in scan_records(sealed.path) if isinstance(found, Damage)]
    assert (damage.invariant, damage.offset) == ("P4", stored[victim].location.offset)


def test_a_head_whose_lengths_are_damaged_leads_nobody_astray(pack: tuple[SealedPack, list[Stored]]) -> None:
    sealed, stored = pack
    before = read_footer(sealed.path)
    for lengths in (b"\xff" * 8, bytes(8), (1000).to_bytes(4, "little") * 2, (16 << 20).to_bytes(4, "little") * 2):
        write_at(sealed.path, stored[2].location.offset + 8, lengths)
        assert found_records(sealed.path) == before[:2] + before[3:]


def test_the_next_record_is_found_across_more_than_a_window_of_damage(place: Place) -> None:
    sealed, _ = place.store([noise(2 << 20), noise(2 << 20, 2), noise(5, 3)])
    before = read_footer(sealed.path)
    write_at(sealed.path, HEADER_SIZE, bytes(2 << 20))
    assert found_records(sealed.path) == before[1:]


def test_magic_bytes_within_data_are_not_taken_for_records(place: Place) -> None:
    sealed, stored = place.store([noise(100), b"REC1".join(noise(4, seed) for seed in range(5000)), noise(200)])
    before = read_footer(sealed.path)
    write_at(sealed.path, stored[1].location.offset, b"X")
    assert found_records(sealed.path) == [before[0], before[2]]


def test_a_pack_stored_within_a_pack_yields_nothing_that_is_not_true(place: Place) -> None:
    inner, _ = place.store([noise(5000, seed) for seed in range(3)])
    sealed, stored = place.store([noise(8), inner.path.read_bytes(), noise(300)])
    write_at(sealed.path, stored[1].location.offset, b"X")
    found = found_records(sealed.path)
    assert {stored[0].digest, stored[2].digest} < {entry.digest for entry in found}
    with PackReader(place.packs) as reader:
        assert all(digest(reader.read(entry.location, entry.digest)) == entry.digest for entry in found)


@pytest.mark.parametrize(
    "name", ["short.pack", "zz" * 16 + ".pack", "AB" * 16 + ".pack", "ab" * 16 + ".tmp", "ab" * 16]
)
def test_a_file_that_is_not_named_like_a_pack_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    for look in (
        read_footer,
        lambda path: list(scan_records(path)),
        lambda path: list(check_pack(path, read_data=True)),
    ):
        with pytest.raises(IntegrityError, match="named"):
            look(tmp_path / name)


def test_a_missing_pack_and_one_that_cannot_be_read_are_told_apart(place: Place) -> None:
    path = pack_path(place.packs, bytes(16))
    with pytest.raises(IntegrityError, match="missing"):
        read_footer(path)
    path.mkdir(parents=True)
    with pytest.raises(StorageError):
        read_footer(path)


def test_a_check_without_data_does_not_read_it(pack: tuple[SealedPack, list[Stored]]) -> None:
    sealed, stored = pack
    write_at(sealed.path, stored[0].location.offset + HEAD_SIZE, b"damage")
    assert list(check_pack(sealed.path, read_data=False)) == []
    assert broken(sealed.path) == ["P6"]


def test_damage_names_the_chunk_that_is_lost(pack: tuple[SealedPack, list[Stored]]) -> None:
    sealed, stored = pack
    write_at(sealed.path, stored[3].location.offset + HEAD_SIZE + 5, b"damage")
    (damage,) = check_pack(sealed.path, read_data=True)
    assert damage.digest == stored[3].digest
    assert stored[3].location.offset <= damage.offset < stored[4].location.offset


def test_p1_a_pack_under_another_packs_name_is_found(place: Place, pack: tuple[SealedPack, list[Stored]]) -> None:
    other = pack_path(place.packs, bytes(16))
    other.parent.mkdir()
    pack[0].path.rename(other)
    assert broken(other) == ["P1"]
    with pytest.raises(IntegrityError, match="another pack's name"):
        read_footer(other)


def test_p1_a_pack_in_another_packs_directory_is_found(place: Place, pack: tuple[SealedPack, list[Stored]]) -> None:
    other = place.packs / "no" / pack[0].path.name
    other.parent.mkdir()
    pack[0].path.rename(other)
    assert broken(other) == ["P1"]


def test_p2_a_damaged_header_is_found_and_the_records_are_checked_all_the_same(
    pack: tuple[SealedPack, list[Stored]],
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
    path = pack_path(place.packs, bytes(16))
    path.parent.mkdir()
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


def test_p4_a_damaged_head_is_found(pack: tuple[SealedPack, list[Stored]]) -> None:
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
    with PackReader(place.packs) as reader:
        assert reader.read(chunk.location, chunk.digest) == chunk.plain
    assert broken(sealed.path) == ["P7"]


def test_p8_padding_that_is_not_zero_is_found(place: Place) -> None:
    assert broken(handmade(place, [record(b"plain", padding=b"\1")])) == ["P8"]


def test_p9_a_damaged_trailer_is_found_and_the_records_are_checked_all_the_same(
    pack: tuple[SealedPack, list[Stored]],
) -> None:
    sealed, stored = pack
    write_at(sealed.path, sealed.size - 5, b"X")
    write_at(sealed.path, stored[0].location.offset + HEAD_SIZE, b"damage")
    assert broken(sealed.path)[:2] == ["P9", "P6"]


def test_p10_a_damaged_footer_is_found_and_the_records_are_checked_all_the_same(
    pack: tuple[SealedPack, list[Stored]],
) -> None:
    sealed, stored = pack
    write_at(sealed.path, sealed.size - TRAILER_SIZE - 5, b"X")
    write_at(sealed.path, stored[0].location.offset + HEAD_SIZE, b"damage")
    assert broken(sealed.path) == ["P10", "P6"]


def test_p11_a_footer_that_tells_of_another_record_is_found(place: Place) -> None:
    made, _ = record(b"plain")
    _, entry = record(b"other")
    assert "P11" in broken(handmade(place, [(made, entry)]))


def test_p12_a_chunk_in_a_pack_of_nodes_is_found(place: Place) -> None:
    assert broken(handmade(place, [record(b"plain")], PackKind.NODES)) == ["P12"]


def test_p12_a_writer_puts_what_it_is_told_where_it_is_told(place: Place) -> None:
    with place.writer(PackKind.NODES) as writer:
        append(writer, b"chunk", RecordKind.CHUNK)
        (sealed,) = writer.finish()
    assert broken(sealed.path) == ["P12"]


def test_the_checksum_of_a_head_is_that_of_the_format_page() -> None:
    table = block_table(bytes(BLOCK_SIZE + 1))
    head = encode_head(Codec.RAW, RecordKind.CHUNK, BLOCK_SIZE + 1, BLOCK_SIZE + 1, bytes(32), table, 0)
    assert int.from_bytes(head[60:], "little") == crc32(head[:60] + table)
