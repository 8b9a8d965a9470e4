"""Rewrite a file in place without end: every page is a number that grows from round to round, written front to back."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable

PAGE = 4096


def is_moment(data: bytes) -> bool:
    """Whether the bytes are what the file was at some moment: a later round is at its front, never at its end."""
    rounds = [data[at : at + 8] for at in range(0, len(data), PAGE)]
    return all(earlier >= later for earlier, later in itertools.pairwise(rounds))


def round_of(number: int, size: int) -> bytes:
    """The contents of the file after a round."""
    return number.to_bytes(8, "big") * (size // 8)


def _rewrite(path: str, size: int, say: Callable[[str], object]) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    for number in itertools.count(1):
        data = round_of(number, size)
        for at in range(0, size, 16 * PAGE):
            os.pwrite(descriptor, data[at : at + 16 * PAGE], at)
        if number == 1:
            say("\n")


if __name__ == "__main__":
    _rewrite(sys.argv[1], int(sys.argv[2]), lambda text: print(text, end="", flush=True))
