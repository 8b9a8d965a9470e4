"""The shared cache saves decompression, and serves nothing that is not proved."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.chunks.cache import Fill, SharedPlainCache
from artfs.chunks.reader import PackReader
from artfs.errors import IntegrityError, InvalidInputError
from artfs.format.digest import BLOCK_SIZE, digest_and_table
from tests.support.packs import Place

ROOT = Path(__file__).parents[2]
SLOT = 128 << 10
BUDGET = 4 * (SLOT + (8 << 10))  # one set of four slots


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def made(plain: bytes) -> Fill:
    """A fill that gives `plain`."""
    return lambda: (plain, digest_and_table(plain)[1])


def never() -> tuple[bytes, bytes]:
    raise AssertionError("the chunk was filled once more")


def get(
    cache: SharedPlainCache, plain: bytes, start: int = 0, length: int | None = None, fill: Fill | None = None
) -> bytes:
    """Ask for a part of `plain`, by default to be filled with the truth."""
    length = len(plain) - start if length is None else length
    return bytes(cache.get_or_fill(digest_and_table(plain)[0], len(plain), start, length, fill or made(plain)))


@pytest.fixture
def cache() -> SharedPlainCache:
    return SharedPlainCache(BUDGET, slot_size=SLOT)


@pytest.mark.parametrize("size", [1, 1000, BLOCK_SIZE, BLOCK_SIZE + 1, 100_000, SLOT])
def test_what_was_filled_once_is_served_without_filling(cache: SharedPlainCache, size: int) -> None:
    plain = noise(size)
    assert get(cache, plain) == plain
    assert get(cache, plain, fill=never) == plain
    assert get(cache, plain, size // 2, 1, fill=never) == plain[size // 2 : size // 2 + 1]


@given(st.integers(1, SLOT), st.data())
def test_any_range_of_what_is_kept_is_that_slice(size: int, data: st.DataObject) -> None:
    cache = SharedPlainCache(BUDGET, slot_size=SLOT)
    plain = noise(size)
    get(cache, plain)
    start = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, size - start))
    assert get(cache, plain, start, length, fill=never) == plain[start : start + length]
    cache.close()


def test_a_chunk_longer_than_a_slot_is_passed_through(cache: SharedPlainCache) -> None:
    plain = noise(SLOT + 1)
    for _ in range(2):
        assert get(cache, plain, 5, 100) == plain[5:105]
    with pytest.raises(AssertionError, match="once more"):
        get(cache, plain, fill=never)


def test_the_chunk_used_longest_ago_makes_room(cache: SharedPlainCache) -> None:
    plains = [noise(5000, seed) for seed in range(5)]
    for plain in plains[:4]:
        get(cache, plain)
    get(cache, plains[0], fill=never)
    get(cache, plains[4])
    for plain in (plains[0], plains[2], plains[3], plains[4]):
        get(cache, plain, fill=never)
    with pytest.raises(AssertionError, match="once more"):
        get(cache, plains[1], fill=never)


def test_a_failed_fill_is_passed_on_and_the_next_one_succeeds(cache: SharedPlainCache) -> None:
    def failing() -> tuple[bytes, bytes]:
        raise IntegrityError("damaged")

    plain = noise(1000)
    with pytest.raises(IntegrityError):
        get(cache, plain, fill=failing)
    assert get(cache, plain) == plain


Poison = Callable[[bytes, bytes], tuple[bytes, bytes]]


@pytest.mark.parametrize(
    "poison",
    [
        lambda plain, table: (plain[:1] + bytes([plain[1] ^ 1]) + plain[2:], table),
        lambda plain, table: (plain, table[:-1] + bytes([table[-1] ^ 1]) if table else table),
        lambda plain, table: (bytes(len(plain)), bytes(len(table))),
        lambda plain, table: (plain[:-1], table),
        lambda plain, table: (plain[::-1], digest_and_table(plain[::-1])[1][: len(table)]),
    ],
    ids=["flipped-data", "flipped-table", "zeros", "torn", "another-chunk"],
)
@pytest.mark.parametrize("size", [1000, 100_000], ids=["one-block", "blocks"])
def test_a_slot_with_anything_else_in_it_is_a_miss(cache: SharedPlainCache, size: int, poison: Poison) -> None:
    plain = noise(size)
    get(cache, plain, 0, 2, fill=lambda: poison(plain, digest_and_table(plain)[1]))
    assert get(cache, plain) == plain


def test_damage_in_one_block_of_a_slot_does_not_hide_the_others(cache: SharedPlainCache) -> None:
    plain = noise(3 * BLOCK_SIZE)
    get(cache, plain, fill=lambda: (plain[:-1] + bytes([plain[-1] ^ 1]), digest_and_table(plain)[1]))
    assert get(cache, plain, 0, 2 * BLOCK_SIZE, fill=never) == plain[: 2 * BLOCK_SIZE]
    with pytest.raises(AssertionError, match="once more"):
        get(cache, plain, 2 * BLOCK_SIZE, 1, fill=never)


def test_a_budget_for_less_than_one_slot_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        SharedPlainCache(SLOT, slot_size=SLOT)


@pytest.mark.parametrize("slots", [1, 3, 8, 9, 40])
def test_a_cache_of_any_size_keeps_what_was_filled_last(slots: int) -> None:
    cache = SharedPlainCache(slots * (SLOT + (8 << 10)), slot_size=SLOT)
    for seed in range(50):
        get(cache, noise(5000, seed))
        assert get(cache, noise(5000, seed), fill=never) == noise(5000, seed)


def test_a_torn_copy_is_replaced_by_the_sound_one(cache: SharedPlainCache) -> None:
    plains = [noise(5000, seed) for seed in range(4)]
    for plain in plains:
        get(cache, plain)
    torn = plains[3]
    get(cache, noise(5000, 9), fill=lambda: (torn, b""))
    get(cache, noise(5000, 9))
    for plain in (*plains[1:], noise(5000, 9)):
        assert get(cache, plain, fill=never) == plain


def test_a_closed_cache_gives_its_descriptor_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    SharedPlainCache(BUDGET, slot_size=SLOT).close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_reader_decompresses_a_chunk_once_for_all_its_ranges(place: Place, cache: SharedPlainCache) -> None:
    plain = b"".join(b"%d\n" % i for i in range(20_000))
    sealed, (chunk,) = place.store([plain])
    with PackReader(place.packs, cache) as reader, PackReader(place.packs, cache) as other:
        assert reader.read(chunk.location, chunk.digest, 10, 100) == plain[10:110]
        sealed.path.unlink()
        assert other.read(chunk.location, chunk.digest, 70_000, 30_000) == plain[70_000:100_000]


def answer(command: str) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.cache_child", command],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    parsed = json.loads(done.stdout)
    assert isinstance(parsed, dict)
    return parsed


def test_many_processes_of_which_some_are_killed_never_read_a_wrong_byte() -> None:
    said = answer("hammer")
    assert said["killed"] >= 5
    assert said["finished"] == 6
    assert said["filled"] == 24


def test_a_process_killed_in_the_middle_of_filling_blocks_nobody() -> None:
    assert answer("orphan") == {"victim": -9, "blocked": 1, "waiting": 0}


def test_of_many_processes_that_want_a_chunk_at_once_one_fills_it() -> None:
    assert answer("herd") == {"failed": 0, "fills": 1}
