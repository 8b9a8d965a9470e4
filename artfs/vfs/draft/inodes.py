"""The inodes of a draft by number: those with a row, and those that are as the base has them."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from artfs.errors import NotFoundError
from artfs.format.node import Entry, Kind
from artfs.vfs.draft.base import BaseTree
from artfs.vfs.draft.rows import BASE, NO_CONTENT, Committed, Content, InodeRow, Rows, decode_inode, inode_key

__all__ = ["Inodes", "fault", "row_of_entry"]

_HELD: Final = 8192

_TYPE_BITS: Final[dict[int, int]] = {
    Kind.FILE: stat.S_IFREG,
    Kind.REFERENCE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
}


def fault(number: int) -> OSError:
    """The error of a system call."""
    return OSError(number, os.strerror(number))


def row_of_entry(entry: Entry, owner: tuple[int, int]) -> InodeRow:
    """The row that an entry of the base would have.

    Args:
        entry: As the version has it.
        owner: User and group that it is to belong to: versions keep none.
    """
    directory = entry.kind == Kind.DIRECTORY
    return InodeRow(
        mode=_TYPE_BITS[entry.kind] | entry.mode,
        uid=owner[0],
        gid=owner[1],
        nlink=1,
        size=0 if directory else entry.size,
        atime_ns=entry.mtime_ns,
        mtime_ns=entry.mtime_ns,
        ctime_ns=entry.mtime_ns,
        content=_content_of(entry),
        target=entry.extra if entry.kind == Kind.SYMLINK else b"",
        lower=entry.node if directory else b"",
        committed=Committed(entry.node, entry.digest, entry.size, entry.below) if directory else None,
    )


def _content_of(entry: Entry) -> Content:
    if entry.kind not in {Kind.FILE, Kind.REFERENCE}:
        return NO_CONTENT
    return Content(entry.digest, entry.extra, entry.size, entry.size, entry.kind == Kind.REFERENCE)


class Inodes:
    """Rows by inode number, decoded and held while they fit.

    Args:
        rows: The draft's rows.
        base: The tree under it.
        owner: User and group of what comes from the base.
    """

    def __init__(self, rows: Rows, base: BaseTree, owner: tuple[int, int]) -> None:
        self._rows = rows
        self._base = base
        self._owner = owner
        self._held: dict[int, InodeRow] = {}

    def get(self, ino: int) -> InodeRow:
        """The row of an inode.

        Raises:
            OSError: ESTALE: there is none (any more).
        """
        row = self._held.get(ino)
        if row is not None:
            return row
        value = self._rows.get(inode_key(ino))
        if value is None:
            return self._of_base(ino)
        row = decode_inode(value)
        self.keep(ino, row)
        return row

    def _of_base(self, ino: int) -> InodeRow:
        if ino < BASE:
            raise fault(errno.ESTALE)
        try:
            return row_of_entry(self._base.entry(ino), self._owner)
        except NotFoundError:
            raise fault(errno.ESTALE) from None

    def base_name(self, ino: int) -> tuple[int, bytes]:
        """Directory and name that an inode has in the base."""
        return self._base.name_of(ino)

    def is_own(self, ino: int) -> bool:
        """Whether an inode has a row, and is not merely as the base has it."""
        return ino in self._held or self._rows.get(inode_key(ino)) is not None

    def keep(self, ino: int, row: InodeRow | None) -> None:
        """Take over what the database has now. Starting over is cheaper than knowing the oldest."""
        if row is None:
            self._held.pop(ino, None)
            return
        if len(self._held) >= _HELD:
            self._held.clear()
        self._held[ino] = row
