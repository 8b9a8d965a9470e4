"""A changed file is cut as if it were new, and read only around the changes."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import example, given, settings
from hypothesis import strategies as st

from artfs.chunks.chunker import Chunker, ChunkParams
from artfs.drafts.storer.store_session import rechunk, unchanged_chunks
from artfs.format.chunklist import Piece
from artfs.format.digest import digest

PARAMS = ChunkParams(min_size=256, avg_size=512, max_size=4096)


def whole(data: bytes) -> list[Piece]:
    ends = Chunker(PARAMS).split(data, final=True)
    return [Piece(end - start, digest(data[start:end])) for start, end in zip([0, *ends], ends, strict=False)]


def again(old: bytes, new: bytes, limit: int, changed: list[tuple[int, int]]) -> tuple[list[Piece], int]:
    """The pieces of `new`, and how many of its bytes were stored."""
    stored = 0

    def cut(start: int) -> Iterator[tuple[int, memoryview]]:
        at = start
        for end in Chunker(PARAMS).split(new[start:], final=True):
            yield start + end, memoryview(new)[at : start + end]
            at = start + end

    def store(pieces: list[memoryview]) -> list[Piece]:
        nonlocal stored
        stored += sum(map(len, pieces))
        return [Piece(len(piece), digest(piece)) for piece in pieces]

    return rechunk(unchanged_chunks(whole(old), limit, changed, len(new)), len(new), cut, store), stored


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 1000),
    size=st.integers(0, 60_000),
    edits=st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 3000)), max_size=4),
    new_size=st.integers(0, 70_000),
    limit=st.integers(0, 60_000),
)
@example(
    seed=360, size=4977, edits=[], new_size=4976, limit=4976
)  # a cut before the last two bytes, of which one is left
def test_a_changed_file_has_the_chunks_that_it_would_have_as_a_new_one(
    seed: int, size: int, edits: list[tuple[int, int]], new_size: int, limit: int
) -> None:
    source = random.Random(seed)
    old = source.randbytes(size)
    limit = min(limit, size)
    new = bytearray(old[:limit].ljust(new_size, b"\0")[:new_size])
    changed: list[tuple[int, int]] = []
    for start, length in sorted(edits):
        first = max(start, changed[-1][1] if changed else 0)
        last = min(start + length, new_size)
        if first < last:
            new[first:last] = source.randbytes(last - first)
            changed.append((first, last))
    assert again(old, bytes(new), min(limit, new_size), changed)[0] == whole(bytes(new))


def test_a_small_change_of_a_large_file_stores_little() -> None:
    old = random.Random(1).randbytes(2_000_000)
    new = old[:1_000_000] + b"changed" + old[1_000_007:]
    pieces, stored = again(old, new, len(old), [(1_000_000, 1_000_007)])
    assert pieces == whole(new)
    assert stored < 4 * PARAMS.max_size
