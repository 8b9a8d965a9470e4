"""The caches of chunks save decompression, and serve nothing that is not proved."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.chunks.chunk_cache import ChunkLRU, Fill, SharedChunkCache
from artfs.chunks.reader import PackReader
from artfs.errors import IntegrityError, InvalidInputError
from artfs.format.digest import BLOCK_SIZE, Data, digest_and_table
from tests.support.data.packs import Place
from tests.support.schedules import ObservedDict, Rival

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
    cache: SharedChunkCache, plain: bytes, start: int = 0, length: int | None = None, fill: Fill | None = None
) -> bytes:
    """Ask for a part of `plain`, by default to be filled with the truth."""
    length = len(plain) - start if length is None else length
    return bytes(cache.get_or_fill(digest_and_table(plain)[0], len(plain), start, length, fill or made(plain)))


@pytest.fixture
def cache() -> Iterator[SharedChunkCache]:
    cache = SharedChunkCache(BUDGET, slot_size=SLOT)
    yield cache
    cache.close()


@pytest.mark.parametrize("size", [1, 1000, BLOCK_SIZE, BLOCK_SIZE + 1, 100_000, SLOT])
def test_what_was_filled_once_is_served_without_filling(cache: SharedChunkCache, size: int) -> None:
    plain = noise(size)
    assert get(cache, plain) == plain
    assert get(cache, plain, fill=never) == plain
    assert get(cache, plain, size // 2, 1, fill=never) == plain[size // 2 : size // 2 + 1]


@given(st.integers(1, SLOT), st.data())
def test_any_range_of_what_is_kept_is_that_slice(size: int, data: st.DataObject) -> None:
    cache = SharedChunkCache(BUDGET, slot_size=SLOT)
    plain = noise(size)
    get(cache, plain)
    start = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, size - start))
    assert get(cache, plain, start, length, fill=never) == plain[start : start + length]
    cache.close()


def test_a_chunk_longer_than_a_slot_is_passed_through(cache: SharedChunkCache) -> None:
    plain = noise(SLOT + 1)
    for _ in range(2):
        assert get(cache, plain, 5, 100) == plain[5:105]
    with pytest.raises(AssertionError, match="once more"):
        get(cache, plain, fill=never)


def test_the_chunk_used_longest_ago_makes_room(cache: SharedChunkCache) -> None:
    plains = [noise(5000, seed) for seed in range(5)]
    for plain in plains[:4]:
        get(cache, plain)
    get(cache, plains[0], fill=never)
    get(cache, plains[4])
    for plain in (plains[0], plains[2], plains[3], plains[4]):
        get(cache, plain, fill=never)
    with pytest.raises(AssertionError, match="once more"):
        get(cache, plains[1], fill=never)


def test_a_failed_fill_is_passed_on_and_the_next_one_succeeds(cache: SharedChunkCache) -> None:
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
def test_a_slot_with_anything_else_in_it_is_a_miss(cache: SharedChunkCache, size: int, poison: Poison) -> None:
    plain = noise(size)
    get(cache, plain, 0, 2, fill=lambda: poison(plain, digest_and_table(plain)[1]))
    assert get(cache, plain) == plain


def test_damage_in_one_block_of_a_slot_does_not_hide_the_others(cache: SharedChunkCache) -> None:
    plain = noise(3 * BLOCK_SIZE)
    get(cache, plain, fill=lambda: (plain[:-1] + bytes([plain[-1] ^ 1]), digest_and_table(plain)[1]))
    assert get(cache, plain, 0, 2 * BLOCK_SIZE, fill=never) == plain[: 2 * BLOCK_SIZE]
    with pytest.raises(AssertionError, match="once more"):
        get(cache, plain, 2 * BLOCK_SIZE, 1, fill=never)


def test_a_budget_for_less_than_one_slot_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        SharedChunkCache(SLOT, slot_size=SLOT)


@pytest.mark.parametrize("slots", [1, 3, 8, 9, 40])
def test_a_cache_of_any_size_keeps_what_was_filled_last(slots: int) -> None:
    cache = SharedChunkCache(slots * (SLOT + (8 << 10)), slot_size=SLOT)
    for seed in range(50):
        get(cache, noise(5000, seed))
        assert get(cache, noise(5000, seed), fill=never) == noise(5000, seed)
    cache.close()


def test_a_torn_copy_is_replaced_by_the_sound_one(cache: SharedChunkCache) -> None:
    plains = [noise(5000, seed) for seed in range(4)]
    for plain in plains:
        get(cache, plain)
    torn = plains[3]
    get(cache, noise(5000, 9), fill=lambda: (torn, b""))
    get(cache, noise(5000, 9))
    for plain in (*plains[1:], noise(5000, 9)):
        assert get(cache, plain, fill=never) == plain


def test_a_reader_decompresses_a_chunk_once_for_all_its_ranges(place: Place, cache: SharedChunkCache) -> None:
    plain = b"".join(b"%d\n" % i for i in range(20_000))
    sealed, (chunk,) = place.store([plain])
    with PackReader(place.storage, cache) as reader, PackReader(place.storage, cache) as other:
        assert reader.read(chunk.location, chunk.digest, 10, 100) == plain[10:110]
        sealed.path.unlink()
        assert other.read(chunk.location, chunk.digest, 70_000, 30_000) == plain[70_000:100_000]


def answer(command: str) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.programs.cache_child", command],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    parsed = json.loads(done.stdout)
    assert isinstance(parsed, dict)
    return parsed


def test_many_processes_some_of_them_killed_never_read_a_wrong_byte() -> None:
    said = answer("hammer")
    assert said["killed"] >= 5
    assert said["finished"] == 6
    assert said["filled"] == 24


def test_a_process_killed_in_the_middle_of_filling_blocks_no_other() -> None:
    assert answer("orphan") == {"victim": -9, "blocked": 1, "waiting": 0}


def test_of_many_processes_that_want_a_chunk_at_once_one_fills_it() -> None:
    assert answer("herd") == {"failed": 0, "fills": 1}


# The cache of one process

_CHUNK = 1000


class _Chunks:
    """Chunks of which each is its number, over and over; counts how often each was asked for."""

    def __init__(self, cache: ChunkLRU) -> None:
        self._cache = cache
        self.filled: list[int] = []

    def read(self, number: int, start: int = 0, length: int = _CHUNK) -> bytes:
        def fill() -> tuple[Data, bytes]:
            self.filled.append(number)
            return bytes([number]) * _CHUNK, b""

        return bytes(self._cache.get_or_fill(bytes([number]) * 32, _CHUNK, start, length, fill))


def test_a_chunk_that_is_read_by_portions_is_made_once() -> None:
    chunks = _Chunks(ChunkLRU(3 * _CHUNK))
    for start in range(0, _CHUNK, 100):
        assert chunks.read(7, start, 100) == bytes([7]) * 100
    assert chunks.read(7, _CHUNK - 1, 1) == b"\7"
    assert chunks.filled == [7]


def test_in_one_process_too_the_chunk_used_longest_ago_makes_room() -> None:
    chunks = _Chunks(ChunkLRU(3 * _CHUNK))
    for number in (1, 2, 3, 1, 4):
        assert chunks.read(number) == bytes([number]) * _CHUNK
    assert chunks.filled == [1, 2, 3, 4]
    for number in (1, 3, 4):
        chunks.read(number)
    assert chunks.filled == [1, 2, 3, 4]
    chunks.read(2)
    assert chunks.filled == [1, 2, 3, 4, 2]


def test_a_chunk_larger_than_the_budget_is_kept_alone() -> None:
    chunks = _Chunks(ChunkLRU(_CHUNK // 2))
    for _portion in range(3):
        chunks.read(1, 0, 10)
    assert chunks.filled == [1]
    chunks.read(2)
    chunks.read(1)
    assert chunks.filled == [1, 2, 1]


def test_a_chunk_that_two_threads_make_at_once_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rival: Rival[bytes] = Rival()
    with monkeypatch.context() as patch:
        patch.setattr("artfs.chunks.chunk_cache.threading.Lock", rival.lock)
        patch.setattr("artfs.chunks.chunk_cache.OrderedDict", ObservedDict)
        chunks = _Chunks(ChunkLRU(2 * _CHUNK))
    ObservedDict.before_set.append(lambda: rival.meanwhile(lambda: chunks.read(1)))
    assert chunks.read(1) == rival.result()
    assert chunks.filled == [1, 1]
    for number in (2, 1, 2):
        chunks.read(number)
    assert chunks.filled == [1, 1, 2]
