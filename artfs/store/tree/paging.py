"""Content-defined cuts between the pages of a large directory or chunk list: edits stay local.

A page ends before a row whose name (of a chunk list: whose digest) is a boundary, once the page has `MIN_ROWS`; and in
any case at `MAX_ROWS` rows or `MAX_HEAP` bytes of names. The cut depends only on the rows since the last one, so an
edited tree is the tree that would have been built from scratch (docs/FORMAT.md, "Paging"). The constants are part of
the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zlib import crc32

from artfs.format.chunklist import Piece
from artfs.format.node import Entry

__all__ = ["MAX_HEAP", "MAX_ROWS", "MIN_ROWS", "cut_before", "cut_pieces", "cut_rows", "heap_bytes"]

MIN_ROWS = 64
MAX_ROWS = 1024
MAX_HEAP = 128 * 1024

_SPREAD = 2654435761  # Knuth's multiplicative hash: CRC-32 alone is too regular over counted names
_ONE_IN = 256


def heap_bytes(row: Entry) -> int:
    """Return the bytes that a row adds to its page's heap."""
    return len(row.name) + len(row.extra)


def cut_before(name: bytes, level: int, rows: int, heap: int) -> bool:
    """Return whether a page of `rows` rows and `heap` bytes of heap ends before the row `name`."""
    if rows < MIN_ROWS:
        return heap >= MAX_HEAP
    if rows >= MAX_ROWS or heap >= MAX_HEAP:
        return True
    return (crc32(name, level) * _SPREAD & 0xFFFFFFFF) < 0x100000000 // _ONE_IN


def cut_rows(rows: Iterable[Entry], level: int) -> Iterator[list[Entry]]:
    """Cut sorted rows into the pages of one level (none for no rows)."""
    page: list[Entry] = []
    heap = 0
    for row in rows:
        if page and cut_before(row.name, level, len(page), heap):
            yield page
            page = []
            heap = 0
        page.append(row)
        heap += heap_bytes(row)
    if page:
        yield page


def cut_pieces(pieces: Iterable[Piece], height: int) -> Iterator[list[Piece]]:
    """Cut a file's pieces into the pages of one height of its chunk list."""
    page: list[Piece] = []
    for piece in pieces:
        if page and cut_before(piece.digest, height, len(page), 0):
            yield page
            page = []
        page.append(piece)
    if page:
        yield page
