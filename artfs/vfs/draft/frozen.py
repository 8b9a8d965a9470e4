"""A frozen draft, read: names, inodes and bytes as they were, in the process that stores and commits."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from artfs.errors import IntegrityError
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
from artfs.vfs.draft.rows import BASE, META_JSON, META_ORIGIN, META_STATE, InodeRow, decode_origin, decode_state
from artfs.vfs.draft.snapshot import DraftSnapshot

__all__ = ["FrozenDraft"]


class FrozenDraft:
    """A draft as of its last checkpoint.

    Args:
        directory: The draft's.
        store: Reads what is under it.

    Attributes:
        origin: Where it came from then.
        state: Its counters then.
        meta: JSON of its control directory then.

    Raises:
        IntegrityError: Its rows are damaged.
        StorageError: The system refused.
    """

    def __init__(self, directory: Path, store: Store) -> None:
        self._snapshot = DraftSnapshot.open(directory)
        self._files = DataFiles(directory / "data")
        self.rows = self._snapshot
        origin, state = self.rows.get(META_ORIGIN), self.rows.get(META_STATE)
        if origin is None or state is None:
            raise IntegrityError(f"the rows of the draft {directory.name} are damaged: see `artfs fsck`")
        self.origin = decode_origin(origin)
        self.state = decode_state(state)
        self.meta = self.rows.get(META_JSON) or b""
        self.base = BaseTree(self.origin.lower, store.pages)
        owner = directory.stat()
        self._inodes = Inodes(self.rows, self.base, (owner.st_uid, owner.st_gid))
        self._listing = Listing(self.rows, self._inodes, store.pages)
        self._names = Names(self.rows, self._inodes, store.pages, self._listing)
        self._contents = Contents(self.rows, self._files, store.content, Backlog())

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

    def close(self) -> None:
        """End it."""
        self._files.close()
        self._snapshot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
