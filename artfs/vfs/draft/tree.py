"""A draft's tree, read: names, inodes and bytes, from whatever has its rows."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from artfs.format.digest import Data
from artfs.format.node import Entry
from artfs.store import Store
from artfs.vfs.draft.backlog import Backlog
from artfs.vfs.draft.base import BaseTree
from artfs.vfs.draft.contents import Contents
from artfs.vfs.draft.datafiles import DataFiles
from artfs.vfs.draft.extents import Range, extents
from artfs.vfs.draft.inodes import Inodes
from artfs.vfs.draft.listing import Listing
from artfs.vfs.draft.names import Names
from artfs.vfs.draft.rows import BASE, META_ORIGIN, META_STATE, InodeRow, Rows, decode_origin, decode_state

__all__ = ["DraftTree"]


class DraftTree:
    """What a commit and a status look at.

    Args:
        rows: The draft's rows, which do not change while this is used.
        files: Its data files.
        store: Reads what is under it.
        owner: User and group of what comes from the base.

    Attributes:
        rows: As given.
        origin: Where the draft comes from.
        state: Its counters.
        base: The tree under it.
    """

    def __init__(self, rows: Rows, files: DataFiles, store: Store, owner: tuple[int, int]) -> None:
        self.rows = rows
        self.origin = decode_origin(rows.get(META_ORIGIN) or b"")
        self.state = decode_state(rows.get(META_STATE) or b"")
        self.base = BaseTree(self.origin.lower, store.pages)
        self._inodes = Inodes(rows, self.base, owner)
        self._listing = Listing(rows, self._inodes, store.pages)
        self._names = Names(rows, self._inodes, store.pages, self._listing)
        self._contents = Contents(rows, files, store.content, Backlog())

    def inode(self, ino: int) -> InodeRow:
        """An inode."""
        return self._inodes.get(ino)

    def base_entry(self, ino: int) -> Entry | None:
        """What the base has of an inode that nothing here says otherwise of."""
        return None if ino <= BASE or self._inodes.is_own(ino) else self.base.entry(ino)

    def is_directory(self, ino: int) -> bool:
        """Whether an inode is a directory."""
        return stat.S_ISDIR(self.inode(ino).mode)

    def find(self, directory: int, name: bytes) -> int:
        """The inode that a name leads to, 0 if none."""
        return self._names.find(directory, name)

    def names_of(self, ino: int) -> list[tuple[int, bytes]]:
        """All names of an inode, as directory and name; none if it was removed."""
        if self._inodes.is_own(ino):
            return self._names.parents(ino)
        if ino < BASE:
            return []
        directory, name = self.base.name_of(ino)
        return [(directory, name)] if self.find(directory, name) == ino else []

    def names_in(self, directory: int) -> Iterator[tuple[bytes, int]]:
        """All names in a directory, with their inodes."""
        for name, ino, _following in self._listing.entries(directory):
            yield name, ino

    def read(self, ino: int, offset: int, size: int) -> Data:
        """Read from a file."""
        return self._contents.read(ino, self.inode(ino), offset, size)

    def extents(self, ino: int) -> list[Range]:
        """Which of a file's bytes are in data files."""
        return list(extents(self.rows, ino))
