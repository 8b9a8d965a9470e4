"""Inodes that lost their last name: they go at once, or when nobody uses them any more."""

from __future__ import annotations

import stat
from contextlib import suppress

from msgspec.structs import replace

from artfs.vfs.draft.backlog import Backlog
from artfs.vfs.draft.batch import Batch
from artfs.vfs.draft.changing import Changing
from artfs.vfs.draft.contents import Contents
from artfs.vfs.draft.rows import BASE, NO_CONTENT, Rows, orphan_key
from artfs.vfs.draft.usage import Usage

__all__ = ["Removal"]


class Removal:
    """Removes inodes without names.

    Args:
        database: Knows those without names.
        changing: Makes the changes.
        contents: The bytes of files.
        backlog: What is to be stored.
        usage: Who uses an inode.

    Attributes:
        orphans: Inodes without names that somebody uses.
    """

    def __init__(self, database: Rows, changing: Changing, contents: Contents, backlog: Backlog, usage: Usage) -> None:
        self._changing = changing
        self._contents = contents
        self._backlog = backlog
        self._usage = usage
        self.orphans = {int.from_bytes(key) for key, _nothing in database.items(b"X")}

    def purge(self) -> None:
        """Remove all of them, where only processes of an earlier mount could use them. On a full disk they stay."""
        with suppress(OSError):
            for ino in list(self.orphans):
                self._bury(ino)

    def forgotten(self, ino: int) -> None:
        """The kernel forgot an inode, and nobody has it open: without a name it goes."""
        if ino in self.orphans:
            self._bury(ino)

    def closed(self, ino: int) -> None:
        """A file was closed: without a name it goes, if nobody uses it."""
        if ino in self.orphans and not self._usage.is_used(ino):
            self._bury(ino)

    def release(self, batch: Batch, ino: int) -> None:
        """Apply a change that took a name from an inode (or from none: 0)."""
        if not ino or batch.inode(ino).nlink:
            batch.apply()
            return
        self._backlog.gone(ino)
        if self._usage.is_used(ino):
            batch.put(orphan_key(ino))
            batch.apply()
            self.orphans.add(ino)
        else:
            self._destroy(batch, ino)

    def _bury(self, ino: int) -> None:
        """Remove an inode without names that nobody uses any more."""
        batch = self._changing.begin(frees=True)
        batch.delete(orphan_key(ino))
        self._destroy(batch, ino)
        self.orphans.discard(ino)

    def _destroy(self, batch: Batch, ino: int) -> None:
        """Remove an inode; one of the base keeps a row that says so, or it would be as the base has it again."""
        row = batch.inode(ino)
        if stat.S_ISREG(row.mode):
            self._contents.empty(batch, ino)
            self._backlog.gone(ino)
        if ino < BASE:
            batch.drop_inode(ino)
        else:
            batch.set_inode(ino, replace(row, size=0, content=NO_CONTENT, data=0))
        self._changing.apply(batch)
