"""Whether two trees have contents in common, at whatever paths."""

from __future__ import annotations

from collections import deque

from artfs.format.node import Entry, Kind
from artfs.store.tree.diff import compare_directories
from artfs.store.tree.pages import Pages

__all__ = ["share_contents"]


def share_contents(old: bytes, new: bytes, pages: Pages) -> bool:
    """Return whether a file or symlink of one tree has the contents of one of the other; empty ones say nothing.

    Takes time for what differs, and ends at the first thing that does not. Directories are walked breadth-first, so
    that one that was moved as a whole is found without a look into it.

    Args:
        old: Topmost page of a directory.
        new: Topmost page of another.
        pages: Reads both.
    """
    found = False
    seen: tuple[set[bytes], set[bytes]] = set(), set()
    left: deque[tuple[bytes | None, bytes | None]] = deque([(old, new)])

    def equal(a: Entry, b: Entry) -> bool:
        nonlocal found
        same = (a.kind, a.name, a.digest, a.size, a.below) == (b.kind, b.name, b.digest, b.size, b.below)
        found |= same and a.size > 0
        return same

    while left:
        for rows in compare_directories(*left.popleft(), pages, equal):
            for row, here, there in zip(rows, seen, reversed(seen), strict=True):
                if row is not None and row.size:
                    here.add(row.digest)
                    found |= row.digest in there
            if found:
                return True
            nodes = [row.node if row is not None and row.kind == Kind.DIRECTORY else None for row in rows]
            if any(nodes):
                left.append((nodes[0], nodes[1]))
    return found
