"""The records of a pack are found without the index, damaged or not."""

from __future__ import annotations

import os
import random
from pathlib import Path

import msgspec
import pytest

from artfs.chunks.reader import PackReader
from artfs.chunks.recover import Damage, read_footer, scan_records
from artfs.errors import IntegrityError, StorageError
from artfs.format.digest import digest
from artfs.format.pack import (
    ALIGNMENT,
    ENTRY_SIZE,
    HEADER_SIZE,
    TRAILER_SIZE,
    FooterEntry,
)
from tests.support.data.packs import Place, Stored, StoredPack, opened, write_at


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def found_records(path: Path) -> list[FooterEntry]:
    return [found for found in scan_records(opened(path)) if isinstance(found, FooterEntry)]


def test_a_scan_of_the_records_finds_what_the_footer_says(pack: tuple[StoredPack, list[Stored]]) -> None:
    sealed, stored = pack
    assert list(scan_records(opened(sealed.path))) == read_footer(opened(sealed.path))
    assert [entry.digest for entry in read_footer(opened(sealed.path))] == [chunk.digest for chunk in stored]


def test_a_large_chunk_whose_head_is_damaged_is_still_listed_and_read_as_a_whole(place: Place) -> None:
    sealed, (chunk, other) = place.store([noise(300_000), noise(300_000, 2)])
    write_at(sealed.path, chunk.location.offset + 20, b"damage")
    damaged, sound = read_footer(opened(sealed.path))
    assert damaged.location == msgspec.structs.replace(chunk.location, table=b"")
    assert sound.location == other.location
    with PackReader(place.storage) as reader:
        assert reader.read(damaged.location, chunk.digest) == chunk.plain


def test_without_footer_and_trailer_every_record_is_still_found(pack: tuple[StoredPack, list[Stored]]) -> None:
    sealed, stored = pack
    before = read_footer(opened(sealed.path))
    os.truncate(sealed.path, sealed.size - TRAILER_SIZE - len(stored) * ENTRY_SIZE)
    with pytest.raises(IntegrityError):
        read_footer(opened(sealed.path))
    assert list(scan_records(opened(sealed.path))) == before


def test_a_pack_that_was_cut_off_while_it_was_written_gives_its_whole_records(place: Place) -> None:
    sealed, stored = place.store([noise(40_000, seed) for seed in range(10)])
    os.truncate(sealed.path, stored[7].location.offset + 5000)
    assert [entry.digest for entry in found_records(sealed.path)] == [chunk.digest for chunk in stored[:7]]


@pytest.mark.parametrize("victim", range(5))
def test_behind_a_damaged_head_the_scan_goes_on(pack: tuple[StoredPack, list[Stored]], victim: int) -> None:
    sealed, stored = pack
    before = read_footer(opened(sealed.path))
    write_at(sealed.path, stored[victim].location.offset + 9, b"\xff")
    assert found_records(sealed.path) == before[:victim] + before[victim + 1 :]
    (damage,) = [found for found in scan_records(opened(sealed.path)) if isinstance(found, Damage)]
    assert (damage.invariant, damage.offset) == ("P4", stored[victim].location.offset)


def test_a_scan_goes_on_behind_a_head_whose_lengths_are_damaged(pack: tuple[StoredPack, list[Stored]]) -> None:
    sealed, stored = pack
    before = read_footer(opened(sealed.path))
    for lengths in (b"\xff" * 8, bytes(8), (1000).to_bytes(4, "little") * 2, (16 << 20).to_bytes(4, "little") * 2):
        write_at(sealed.path, stored[2].location.offset + 8, lengths)
        assert found_records(sealed.path) == before[:2] + before[3:]


def test_the_next_record_is_found_across_more_than_a_window_of_damage(place: Place) -> None:
    sealed, _ = place.store([noise(2 << 20), noise(2 << 20, 2), noise(5, 3)])
    before = read_footer(opened(sealed.path))
    write_at(sealed.path, HEADER_SIZE, bytes(2 << 20))
    assert found_records(sealed.path) == before[1:]


def test_magic_bytes_within_data_are_not_taken_for_records(place: Place) -> None:
    sealed, stored = place.store([noise(100), b"REC1".join(noise(4, seed) for seed in range(5000)), noise(200)])
    before = read_footer(opened(sealed.path))
    write_at(sealed.path, stored[1].location.offset, b"X")
    assert found_records(sealed.path) == [before[0], before[2]]


@pytest.mark.parametrize("shift", range(1, ALIGNMENT))
def test_a_whole_record_where_none_can_begin_is_not_taken_for_one(place: Place, shift: int) -> None:
    inner, _ = place.store([noise(5000, seed) for seed in range(3)])
    sealed, stored = place.store([noise(8), bytes(shift) + inner.path.read_bytes(), noise(300)])
    before = read_footer(opened(sealed.path))
    write_at(sealed.path, stored[1].location.offset, b"X")
    assert found_records(sealed.path) == [before[0], before[2]]


def test_a_pack_stored_within_a_pack_yields_nothing_that_is_not_true(place: Place) -> None:
    inner, _ = place.store([noise(5000, seed) for seed in range(3)])
    sealed, stored = place.store([noise(8), inner.path.read_bytes(), noise(300)])
    write_at(sealed.path, stored[1].location.offset, b"X")
    found = found_records(sealed.path)
    assert {stored[0].digest, stored[2].digest} < {entry.digest for entry in found}
    with PackReader(place.storage) as reader:
        assert all(digest(reader.read(entry.location, entry.digest)) == entry.digest for entry in found)


@pytest.mark.parametrize(
    "name", ["short.pack", "zz" * 16 + ".pack", "AB" * 16 + ".pack", "ab" * 16 + ".tmp", "ab" * 16]
)
def test_a_file_that_is_not_named_like_a_pack_is_refused(place: Place, name: str) -> None:
    (place.packs / "ab").mkdir()
    (place.packs / "ab" / name).write_bytes(b"")
    with pytest.raises(IntegrityError, match="named"):
        opened(place.packs / "ab" / name)


def test_a_missing_pack_and_an_unreadable_one_are_different_errors(place: Place) -> None:
    path = place.path(bytes(16))
    with pytest.raises(IntegrityError, match="missing"):
        read_footer(opened(path))
    path.parent.parent.mkdir(exist_ok=True)
    path.parent.touch()  # ENOTDIR, also for root
    with pytest.raises(StorageError):
        read_footer(opened(path))
