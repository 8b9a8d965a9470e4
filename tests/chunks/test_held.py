"""The chunks that a process holds: each is decompressed once while it is read by portions, and few are held."""

from __future__ import annotations

from artfs.chunks.held import RecentChunks
from artfs.format.digest import Data

_CHUNK = 1000


class _Chunks:
    """Chunks of which each is its number, over and over; counts how often each was asked for."""

    def __init__(self, held: RecentChunks) -> None:
        self._held = held
        self.filled: list[int] = []

    def read(self, number: int, start: int = 0, length: int = _CHUNK) -> bytes:
        def fill() -> tuple[Data, bytes]:
            self.filled.append(number)
            return bytes([number]) * _CHUNK, b""

        return bytes(self._held.get_or_fill(bytes([number]) * 32, _CHUNK, start, length, fill))


def test_a_chunk_that_is_read_by_portions_is_made_once() -> None:
    chunks = _Chunks(RecentChunks(3 * _CHUNK))
    for start in range(0, _CHUNK, 100):
        assert chunks.read(7, start, 100) == bytes([7]) * 100
    assert chunks.read(7, _CHUNK - 1, 1) == b"\7"
    assert chunks.filled == [7]


def test_what_was_used_longest_ago_makes_room() -> None:
    chunks = _Chunks(RecentChunks(3 * _CHUNK))
    for number in (1, 2, 3, 1, 4):
        assert chunks.read(number) == bytes([number]) * _CHUNK
    assert chunks.filled == [1, 2, 3, 4]
    for number in (1, 3, 4):
        chunks.read(number)
    assert chunks.filled == [1, 2, 3, 4]
    chunks.read(2)
    assert chunks.filled == [1, 2, 3, 4, 2]


def test_a_chunk_larger_than_the_budget_is_held_alone() -> None:
    chunks = _Chunks(RecentChunks(_CHUNK // 2))
    for _portion in range(3):
        chunks.read(1, 0, 10)
    assert chunks.filled == [1]
    chunks.read(2)
    chunks.read(1)
    assert chunks.filled == [1, 2, 1]
