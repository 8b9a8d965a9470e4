"""Where files are cut is part of the format: pinned here, written out a second time from the format's own page."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from artfs.chunks import chunker as chunker_module
from artfs.chunks.chunker import Chunker, ChunkParams, cut_stream
from artfs.errors import StoreError, StoreFormatError

TINY = ChunkParams(min_size=64, avg_size=256, max_size=1024)
RANDOM = blake3(b"artfs chunk boundaries").digest(length=8 << 20)
CSV = b"".join(b"%d,%d,name%d\n" % (i, i * i % 1009, i % 50) for i in range(150_000))

GEAR = [int.from_bytes(hashlib.md5(bytes([i]) * 64, usedforsecurity=False).digest()[:8], "big") for i in range(256)]
MASKS = {7: 0x18035100, 8: 0x1800035300, 9: 0x19000353000, 10: 0x590003530000, 16: 0xD90303537000, 20: 0xD91747537000}


def cuts_by_the_format_page(data: bytes, params: ChunkParams) -> list[int]:
    """FastCDC as artfs/docs/FORMAT.md defines it, as plainly as it can be written."""
    bits = params.avg_size.bit_length() - 1
    strict, loose = MASKS[bits + params.normalization], MASKS[bits - params.normalization]
    ends, start = [], 0
    while start < len(data):
        length = min(len(data) - start, params.max_size)
        cut, hashed = length, 0
        for at in range(params.min_size, length // 2 * 2 if length > params.min_size else 0):
            gear = GEAR[data[start + at]] ^ params.seed
            # Two bytes are rolled in by one shift; the even one is therefore compared one bit further left.
            hashed = (((hashed << 2) + (gear << 1)) if at % 2 == 0 else (hashed + gear)) % 2**64
            mask = strict if at < min(params.avg_size, length) // 2 * 2 else loose
            if hashed & (mask << (1 - at % 2)) == 0:
                cut = at
                break
        start += cut
        ends.append(start)
    return ends


def lengths(ends: list[int]) -> list[int]:
    return [end - start for start, end in itertools.pairwise([0, *ends])]


def cut_in_feeds(data: bytes, chunker: Chunker, feeds: list[int]) -> list[int]:
    """The ends found when more and more of a file becomes known, `feeds` bytes at a time."""
    ends: list[int] = []
    start = known = 0
    for feed in itertools.cycle(feeds):
        known = min(known + feed, len(data))
        ends += [start + end for end in chunker.split(memoryview(data)[start:known], known == len(data))]
        start = ends[-1] if ends else 0
        if known == len(data):
            return ends
    raise AssertionError("a cycle does not end")


def test_the_boundaries_of_random_bytes_are_pinned() -> None:
    assert Chunker().split(RANDOM, final=True) == [
        *(274649, 540561, 809668, 1080885, 1370094, 1506347, 1782185, 2023785, 2441472, 2766650, 3071433, 3381208),
        *(3770594, 4047178, 4338174, 4654769, 4924808, 5127287, 5396145, 5707184, 5892044, 6124090, 6514581, 6782176),
        *(7285010, 7553031, 7862715, 8164402, 8388608),
    ]


def test_the_boundaries_of_text_are_pinned() -> None:
    assert Chunker().split(CSV, final=True) == [
        *(151342, 422023, 726033, 996552, 1265989, 1674230, 1976041, 2141007, 2479357, 2542543),
    ]


def test_the_boundaries_with_other_parameters_are_pinned() -> None:
    assert Chunker(ChunkParams(64, 256, 1024, 1, 12345)).split(RANDOM[:5000], final=True) == [
        *(64, 258, 654, 747, 958, 1209, 1615, 1906, 2022, 2496, 2620, 3445, 3951, 4140, 4625, 4872, 5000),
    ]


def test_the_algorithm_is_the_one_that_the_format_page_defines() -> None:
    assert Chunker().split(RANDOM[: 1 << 20], final=True) == cuts_by_the_format_page(RANDOM[: 1 << 20], ChunkParams())


@given(st.binary(max_size=5000), st.integers(0, 100), st.sampled_from([0, 1, 2**63 - 1]))
def test_the_algorithm_is_the_one_that_the_format_page_defines_with_any_parameters(
    data: bytes, repeat: int, seed: int
) -> None:
    params = ChunkParams(min_size=64, avg_size=256, max_size=1024, normalization=1, seed=seed)
    data += data[:50] * repeat
    assert Chunker(params).split(data, final=True) == cuts_by_the_format_page(data, params)


def test_a_file_without_cuts_is_cut_at_the_greatest_size() -> None:
    assert Chunker().split(bytes(5 << 20), final=True) == [2 << 20, 4 << 20, 5 << 20]


def test_an_empty_file_has_no_pieces() -> None:
    assert Chunker().split(b"", final=True) == []
    assert list(cut_stream(Chunker(TINY), lambda _view: 0, lambda: memoryview(bytearray(2048)))) == []


@pytest.mark.parametrize("size", [1, 100, (128 << 10) - 1, 128 << 10])
def test_a_file_of_at_most_the_smallest_size_is_one_piece(size: int) -> None:
    assert Chunker().split(RANDOM[:size], final=True) == [size]


def test_no_piece_is_shorter_or_longer_than_the_parameters_say() -> None:
    for data in (RANDOM, CSV, bytes(3 << 20)):
        pieces = lengths(Chunker().split(data, final=True))
        assert all(ChunkParams().min_size <= piece <= ChunkParams().max_size for piece in pieces[:-1])


@given(
    st.one_of(
        st.binary(max_size=6000), st.integers(0, 6000).map(bytes), st.integers(0, 6000).map(lambda n: RANDOM[:n])
    ),
    st.lists(st.integers(1, 3000), min_size=1, max_size=20),
)
def test_boundaries_do_not_depend_on_how_the_file_is_fed(data: bytes, feeds: list[int]) -> None:
    chunker = Chunker(TINY)
    assert cut_in_feeds(data, chunker, feeds) == chunker.split(data, final=True)


def test_boundaries_do_not_depend_on_feeding_at_any_split_of_a_file() -> None:
    chunker = Chunker(TINY)
    data = RANDOM[:2500]
    whole = chunker.split(data, final=True)
    for first in range(1, len(data)):
        assert cut_in_feeds(data, chunker, [first, len(data)]) == whole


def test_a_last_piece_of_the_greatest_size_is_certain_before_the_file_ends() -> None:
    assert Chunker(TINY).split(bytes(1024), final=False) == [1024]
    assert Chunker(TINY).split(bytes(1023), final=False) == []


def test_an_insertion_changes_no_more_than_the_chunks_around_it() -> None:
    def digests(data: bytes) -> set[bytes]:
        ends = Chunker().split(data, final=True)
        return {hashlib.sha256(data[start:end]).digest() for start, end in itertools.pairwise([0, *ends])}

    before = digests(RANDOM)
    after = digests(RANDOM[: 4 << 20] + b"inserted" + RANDOM[4 << 20 :])
    assert len(after - before) <= 2


@pytest.mark.parametrize(
    "values",
    [
        {"min_size": 63},
        {"min_size": 129},
        {"max_size": 2049},
        {"avg_size": 300},
        {"avg_size": 255},
        {"min_size": 512},
        {"max_size": 128},
        {"avg_size": 2048},
        {"max_size": 32 << 20},
        {"normalization": 4},
        {"normalization": -1},
        {"seed": -1},
        {"seed": 2**63},
    ],
    ids=str,
)
def test_impossible_parameters_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(StoreFormatError):
        ChunkParams(**{"min_size": 64, "avg_size": 256, "max_size": 1024, **values})


def test_the_slow_fallback_of_pyfastcdc_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyfastcdc.py.fastcdc import FastCDC as PureFastCDC

    monkeypatch.setattr(chunker_module, "FastCDC", PureFastCDC)
    with pytest.raises(StoreError, match="compiled"):
        Chunker()


def reader_of(data: bytes, at_most: Callable[[], int]) -> Callable[[memoryview], int]:
    """A `readinto` that gives as many bytes at a time as `at_most` says."""
    position = 0

    def readinto(view: memoryview) -> int:
        nonlocal position
        count = min(len(view), at_most(), len(data) - position)
        view[:count] = data[position : position + count]
        position += count
        return count

    return readinto


@given(
    st.integers(0, 20_000),
    st.lists(st.integers(1, 5000), min_size=1, max_size=10),
    st.lists(st.integers(2048, 5000), min_size=1, max_size=5),
)
def test_a_stream_is_cut_as_the_whole_file_is_whatever_the_reads_and_buffers(
    size: int, reads: list[int], buffers: list[int]
) -> None:
    read_sizes, buffer_sizes = itertools.cycle(reads), itertools.cycle(buffers)
    rounds = cut_stream(
        Chunker(TINY),
        reader_of(RANDOM[:size], lambda: next(read_sizes)),
        lambda: memoryview(bytearray(next(buffer_sizes))),
    )
    pieces = [bytes(piece) for pieces in rounds for piece in pieces]
    assert b"".join(pieces) == RANDOM[:size]
    assert list(itertools.accumulate(len(piece) for piece in pieces)) == Chunker(TINY).split(RANDOM[:size], final=True)


def test_one_buffer_is_enough_and_may_be_overwritten_between_rounds() -> None:
    buffer = bytearray(3000)
    found = bytearray()
    rounds = cut_stream(Chunker(TINY), reader_of(RANDOM[:50_000], lambda: 5000), lambda: memoryview(buffer))
    for pieces in rounds:
        found += b"".join(pieces)
        buffer[:] = bytes(len(buffer))  # what another user of the buffer would do once he has it
    assert found == RANDOM[:50_000]


def test_a_long_file_is_cut_in_few_rounds_over_few_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long"
    path.write_bytes(RANDOM * 8)
    looked_at = 0
    split = Chunker.split

    def counted(self: Chunker, buffer: memoryview, final: bool) -> list[int]:
        nonlocal looked_at
        looked_at += len(buffer)
        return split(self, buffer, final)

    monkeypatch.setattr(Chunker, "split", counted)
    buffer = memoryview(bytearray(8 << 20))
    with path.open("rb") as file:
        rounds = sum(1 for _ in cut_stream(Chunker(), lambda view: os.readv(file.fileno(), [view]), lambda: buffer))
    assert rounds == 9
    assert looked_at < 1.1 * path.stat().st_size


def test_buffers_in_which_work_would_be_repeated_are_refused() -> None:
    with pytest.raises(ValueError, match="buffers"):
        next(cut_stream(Chunker(TINY), lambda _view: 0, lambda: memoryview(bytearray(2047))))
