"""Listing a directory of a draft: the base's names in its order, then those that were made, in theirs.

An offset says behind which entry to go on. Names that come or go do not shift it: the base's have their position there,
and each other name has a number that was given once. A name that replaces one of the base stands where that stood.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from artfs.store.tree.pages import Pages
from artfs.vfs.draft.inodes import Inodes
from artfs.vfs.draft.rows import Rows, decode_dentry, dentry_key, number, order_key

__all__ = ["Listing"]

_MADE: Final = 1 << 40
"""Offsets from here on are places among the names that the base has not."""
_AT_A_TIME: Final = 64


class Listing:
    """Lists directories.

    Args:
        rows: The draft's rows.
        inodes: By number.
        pages: Reads the base.
    """

    def __init__(self, rows: Rows, inodes: Inodes, pages: Pages) -> None:
        self._rows = rows
        self._inodes = inodes
        self._pages = pages

    def entries(self, directory: int, offset: int = 0) -> Iterator[tuple[bytes, int, int]]:
        """Names from an offset on: name, inode, offset of what follows.

        The directory may change between two calls, of which the second goes on where the first was left: what was not
        changed is listed once.
        """
        if offset < _MADE:
            lower = self._inodes.get(directory).lower
            if lower:
                yield from self._of_base(directory, lower, offset)
            offset = _MADE
        yield from self._made(directory, offset - _MADE)

    def _of_base(self, directory: int, lower: bytes, offset: int) -> Iterator[tuple[bytes, int, int]]:
        prefix = dentry_key(directory, b"")
        as_base = not self._rows.items(prefix, limit=1)
        for position, entry in self._pages.iterate(lower, offset):
            following = position + entry.positions
            value = None if as_base else self._rows.get(prefix + entry.name)
            ino = directory + 1 + position if value is None else decode_dentry(value).ino
            if ino:
                yield entry.name, ino, following

    def _made(self, directory: int, cookie: int) -> Iterator[tuple[bytes, int, int]]:
        prefix = order_key(directory, 0)[:-8]
        while True:
            found = self._rows.items(prefix, number(cookie), _AT_A_TIME)
            for key, name in found:
                cookie = int.from_bytes(key) + 1
                value = self._rows.get(dentry_key(directory, name))
                if value is not None:
                    yield name, decode_dentry(value).ino, _MADE + cookie
            if len(found) < _AT_A_TIME:
                return

    def is_empty(self, directory: int) -> bool:
        """Whether there is no name in a directory."""
        return next(self.entries(directory), None) is None
