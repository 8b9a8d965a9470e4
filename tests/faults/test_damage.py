"""Damage anywhere is found by fsck, and never read as data."""

from __future__ import annotations

import random
import secrets
import shutil
from pathlib import Path

import pytest

from artfs.catalog import IndexState, LocalJournal
from artfs.catalog.check import check_journal
from artfs.catalog.journal import Position
from artfs.catalog.schema import SCHEMA
from artfs.chunks.check_pack import check_pack
from artfs.chunks.pack_storage import LocalPackStorage, pack_name
from artfs.chunks.reader import PackReader
from artfs.errors import IntegrityError
from artfs.format.operations import FIRST_SERIAL
from artfs.store.layout import read_layout
from artfs.store.pack_inventory import list_packs, pack_contents
from tests.support.data.packs import opened
from tests.support.faults.damage import flip_at_random, flipped, judge, make_store, read_all, truncated
from tests.support.faults.indexflips import flip_index
from tests.support.faults.lmdbpages import BIG, Pages
from tests.support.faults.repairs import repair_at_random

SAID = {"found", "harmless"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return make_store(tmp_path, files=2, size=64)


def test_every_flipped_bit_of_a_pack_is_found_and_never_read_as_data(place: Path) -> None:
    storage = LocalPackStorage(place)
    packs = list_packs(storage)
    assert len(packs) >= 2
    for pack in packs:
        path = place / pack_name(pack)
        entries = pack_contents(storage, pack).entries
        with PackReader(storage) as reader:
            sound = [bytes(reader.read(entry.location, entry.digest)) for entry in entries]
            for bit in range(8 * path.stat().st_size):
                with flipped(path, bit):
                    assert list(check_pack(opened(path), True)), (path.name, bit)
                    for entry, data in zip(entries, sound, strict=True):
                        try:
                            assert bytes(reader.read(entry.location, entry.digest)) == data, (path.name, bit)
                        except IntegrityError:
                            continue


def test_every_flipped_bit_of_the_journal_is_found(place: Path) -> None:
    store_id = bytes.fromhex(read_layout(place).format.store_id)
    start = Position.start(store_id)
    unborn = IndexState(SCHEMA, store_id, start.seq, start.head, start.segment, start.length, FIRST_SERIAL)
    (segment,) = (place / "journal").glob("*.journal")
    for bit in range(8 * segment.stat().st_size):
        with flipped(segment, bit):
            assert list(check_journal(LocalJournal(place / "journal"), unborn)), bit


def test_flipped_bits_of_the_index_are_found_or_harmless(place: Path) -> None:
    """`scripts/torture index` flips every one."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    expected = read_all(place)
    data = (place / "index" / "data.mdb").read_bytes()
    used = [at for at, byte in enumerate(data) if byte]
    bits = [8 * choose.choice(used) + choose.randrange(8) for _ in range(300)]
    bits += [choose.randrange(8 * len(data)) for _ in range(100)]
    counted = flip_index(place, bits, expected)
    assert counted.total() == len(bits)
    assert counted["found"] > 40
    assert counted["harmless"]


def test_an_index_that_kills_its_check_is_found_for_that(tmp_path: Path) -> None:
    place = make_store(tmp_path, files=100, size=64)
    expected = read_all(place)
    pages = Pages(place / "index")
    lengths = [node + 3 for leaf in pages.leaves() for node in pages.nodes(leaf) if pages.data[node + 4] & BIG]
    counted = flip_index(place, [8 * at + 4 for at in lengths], expected)
    assert {"found, the reader died", "found by a death, the reader died"} & counted.keys()


def test_a_file_cut_off_anywhere_is_found_or_was_not_needed(place: Path) -> None:
    expected = read_all(place)
    for path in sorted(path for path in place.rglob("*") if path.is_file() and path.stat().st_size):
        if path.name in {"lock.mdb", "reserve"}:  # which hold nothing
            continue
        step = 512 if path.name != "data.mdb" else 4096 - 512
        for size in range(0, path.stat().st_size, step):
            with truncated(path, size):
                verdict, killed = judge(place, expected)
            assert verdict == "found", (path.relative_to(place), size, verdict)
            assert not killed, (path.relative_to(place), size)


def test_a_file_that_is_gone_is_found_or_made_again(place: Path) -> None:
    expected = read_all(place)
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        aside = place.parent / "aside"
        shutil.move(path, aside)
        verdict, killed = judge(place, expected)
        shutil.move(aside, path)
        wanted = {"harmless"} if path.name in {"deaths", "lock", "lock.mdb", "next", "reserve"} else {"found"}
        assert verdict in wanted, (path.relative_to(place), verdict)
        assert not killed


def test_a_larger_store_with_random_flips_never_shows_other_bytes(tmp_path: Path) -> None:
    """`scripts/torture damage` flips ten thousand."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    place = make_store(tmp_path, files=20, size=200_000)
    counted = flip_at_random(place, choose, flips=20)
    assert counted.total() == 20


def test_a_store_damaged_at_random_and_repaired_lists_exactly_what_it_has_lost(tmp_path: Path) -> None:
    """`scripts/torture repair` goes on for as long as one likes."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    counted = repair_at_random(tmp_path, random.Random(seed), turns=4)
    assert counted["packs set aside"] + counted["packs gone"] >= 4
