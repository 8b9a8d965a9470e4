"""The tree under a draft, by inode number: `BASE + position` in its pre-order, the root 0."""

from __future__ import annotations

from collections.abc import Iterator

from artfs.errors import NotFoundError
from artfs.format.node import Entry, Kind
from artfs.store.tree.pages import Pages
from artfs.vfs.draft.rows import BASE

__all__ = ["BaseTree"]


class BaseTree:
    """Entries of the base.

    Args:
        node: Topmost page of its root directory; empty: there is no base.
        pages: Reads it.
    """

    def __init__(self, node: bytes, pages: Pages) -> None:
        self._node = node
        self._pages = pages

    def entry(self, ino: int) -> Entry:
        """The entry of an inode; the root's has no name, and neither mode nor time.

        Raises:
            NotFoundError: The base has none.
        """
        if not self._node:
            raise NotFoundError("the draft has no base")
        if ino == BASE:
            top = self._pages.top(self._node)
            return Entry(b"", Kind.DIRECTORY, 0o755, 0, top.size, top.digest, top.below, self._node)
        return self._pages.descend(self._node, ino - BASE - 1)

    def name_of(self, ino: int) -> tuple[int, bytes]:
        """Where the base has an inode other than the root: its directory's inode, and its name there.

        Raises:
            NotFoundError: The base has none.
        """
        if not self._node:
            raise NotFoundError("the draft has no base")
        trail = self._pages.trail(self._node, ino - BASE - 1)
        directory, node = BASE, self._node
        for entry in trail[:-1]:
            found = self._pages.find(node, entry.name)
            if found is None:
                raise NotFoundError(f"no entry {ino - BASE}")
            directory += 1 + found[1]
            node = entry.node
        return directory, trail[-1].name

    def find(self, directory: int, name: bytes) -> tuple[int, Entry] | None:
        """The inode and entry of a name in a directory of the base, None if it has none."""
        node = self.entry(directory).node
        found = self._pages.find(node, name) if node else None
        return None if found is None else (directory + 1 + found[1], found[0])

    def children(self, directory: int, offset: int = 0) -> Iterator[tuple[int, int, Entry]]:
        """Entries of a directory of the base from a relative position on: that position, inode, entry."""
        for position, entry in self._pages.iterate(self.entry(directory).node, offset):
            yield position, directory + 1 + position, entry
