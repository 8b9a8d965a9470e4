"""Holes of stored files: their chunks of zeros, which take no space in the store, as holes take none on a disk.

A run of zeros is cut into chunks of the chunker's largest size, which are all one chunk. Shorter ones, at the ends of a
run, count as data.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from artfs.format.digest import Data, digest
from artfs.format.node import Entry, Kind
from artfs.store.tree.pages import Pages

__all__ = ["SMALLEST_BYTES", "hole_bytes", "is_zeros", "may_have_holes", "zeros_digest"]

SMALLEST_BYTES: Final = 16 << 20
"""In a smaller file no holes are looked for."""

_MAX_PAGES: Final = 64
"""Pages of a chunk list that are looked at; what others cover counts as data."""


def is_zeros(data: Data) -> bool:
    """Return whether bytes are all zero."""
    return not data or (data[0] == data[-1] == 0 and bytes(data) == bytes(len(data)))


@lru_cache(maxsize=64)
def zeros_digest(length: int) -> bytes:
    """Return the digest of a chunk of so many zeros."""
    return digest(bytes(length))


def may_have_holes(entry: Entry) -> bool:
    """Return whether only its chunk list says if a file has holes; they are looked for in large files alone."""
    return entry.size >= SMALLEST_BYTES and bool(entry.extra) and entry.kind == Kind.FILE


def hole_bytes(pages: Pages, entry: Entry, largest: int) -> int:
    """Return how many bytes of a file are in holes; of a very large file not all are found.

    Args:
        pages: Where chunk lists are read.
        entry: A file.
        largest: The chunker's largest chunk.

    Raises:
        IntegrityError: A page of the chunk list is missing or damaged.
    """
    if not may_have_holes(entry):
        return 0
    zeros = zeros_digest(largest)
    found = 0
    waiting = {entry.digest: 1}  # pages, and how often each occurs: those of a long hole are mostly one page
    for _looked_at in range(_MAX_PAGES):
        if not waiting:
            break
        node, times = waiting.popitem()
        page = pages.chunks(node)
        if page.height == 1:
            found += times * largest * page.digests.count(zeros)
        else:
            for below in page.digests:
                waiting[below] = waiting.get(below, 0) + times
    return found
