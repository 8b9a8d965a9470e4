"""Cut a changed file into chunks again, reading only what changed and a little around it.

Where a chunk ends depends on the bytes from its beginning up to and including the one behind it
(`artfs.chunks.chunker`). So a chunk of the old content is one of the new if those bytes are the same, and cutting can
go on with the old chunks as soon as a new cut falls on the beginning of such a one. The result is what cutting the
whole file gives.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from artfs.format.chunklist import Piece

__all__ = ["intact", "recut"]

Cut = Callable[[int], Iterator[tuple[int, memoryview]]]
"""From an offset on, the pieces that cutting the file gives: offset after each, and its bytes."""


def intact(pieces: Iterable[Piece], limit: int, changed: Sequence[tuple[int, int]], size: int) -> dict[int, Piece]:
    """Find the chunks of a file's old content that are chunks of the new.

    Args:
        pieces: Of the old content, in order.
        limit: How many of its bytes, from the first on, can be the same at all.
        changed: Ranges that are not the same, in order, without overlaps: start and end.
        size: Of the file now.

    Returns:
        By the offset that they begin at.
    """
    starts = [start for start, _end in changed]
    found: dict[int, Piece] = {}
    start = 0
    for piece in pieces:
        end = start + piece.length
        if end > min(limit, size):
            break
        behind = end if end == size else end + 1  # the byte that decided about the cut has to be the same as well
        row = bisect_right(starts, behind - 1)
        if behind <= limit and (not row or changed[row - 1][1] <= start):
            found[start] = piece
        start = end
    return found


def recut(old: dict[int, Piece], size: int, cut: Cut, store: Callable[[list[memoryview]], list[Piece]]) -> list[Piece]:
    """Give the chunks of a changed file.

    Args:
        old: Chunks that it still has, by offset (`intact`).
        size: Of the file.
        cut: Reads and cuts.
        store: Stores pieces; is called before `cut` goes on, which may use their memory again.
    """
    pieces: list[Piece] = []
    at = 0
    while at < size:
        kept = old.get(at)
        if kept is not None:
            pieces.append(kept)
            at += kept.length
            continue
        for end, piece in cut(at):
            pieces += store([piece])
            at = end
            if at in old or at >= size:
                break
    return pieces
