"""Inodes of a draft: rows where something changed, entries of the base tree everywhere else.

The base is the tree under the draft. Its inodes are numbered `BASE + position` in its pre-order, the root 0, so they
need no rows and no table of numbers.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final, NamedTuple

from artfs.drafts.db.schema import (
    BASE,
    NO_CONTENT,
    CommittedDirectory,
    InodeRow,
    RowReader,
    StoredContent,
    decode_inode,
    inode_key,
)
from artfs.errors import NotFoundError
from artfs.format.node import Entry, Kind
from artfs.format.reference import UNKNOWN_SIZE, has_unknown_size
from artfs.store.tree.pages import Pages

__all__ = [
    "DIRECTORY_SIZE",
    "Attributes",
    "BaseTree",
    "InodeTable",
    "attributes_of",
    "inode_from_entry",
    "is_unknown_reference",
    "os_error",
]

DIRECTORY_SIZE: Final = 4096
_CACHED: Final = 8192

_TYPE_BITS: Final[dict[int, int]] = {
    Kind.FILE: stat.S_IFREG,
    Kind.REFERENCE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
}

_MAX_CACHED: Final = 4096


def os_error(number: int) -> OSError:
    """The error that a system call reports by this number."""
    return OSError(number, os.strerror(number))


class Attributes(NamedTuple):
    """The fields of stat(2) for an inode."""

    ino: int
    mode: int
    nlink: int
    uid: int
    gid: int
    rdev: int
    size: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int


def attributes_of(ino: int, row: InodeRow) -> Attributes:
    """The attributes of an inode with this row."""
    size = DIRECTORY_SIZE if stat.S_ISDIR(row.mode) else row.size
    if is_unknown_reference(row):
        size = UNKNOWN_SIZE
    return Attributes(
        ino, row.mode, row.nlink, row.uid, row.gid, row.rdev, size, row.atime_ns, row.mtime_ns, row.ctime_ns
    )


def is_unknown_reference(row: InodeRow) -> bool:
    """Return whether a file is still a reference whose size is not known: neither written nor truncated."""
    return row.content.is_reference and not row.size and has_unknown_size(row.content.entry())


def inode_from_entry(entry: Entry, owner: tuple[int, int]) -> InodeRow:
    """The row that an entry of the base would have.

    Args:
        entry: As the version has it.
        owner: User and group to give it to: versions store none.
    """
    directory = entry.kind == Kind.DIRECTORY
    content = NO_CONTENT
    if entry.kind in {Kind.FILE, Kind.REFERENCE}:
        content = StoredContent(entry.digest, entry.extra, entry.size, entry.size, entry.kind == Kind.REFERENCE)
    return InodeRow(
        mode=_TYPE_BITS[entry.kind] | entry.mode,
        uid=owner[0],
        gid=owner[1],
        nlink=1,
        size=0 if directory else entry.size,
        atime_ns=entry.mtime_ns,
        mtime_ns=entry.mtime_ns,
        ctime_ns=entry.mtime_ns,
        content=content,
        target=entry.extra if entry.kind == Kind.SYMLINK else b"",
        lower=entry.node if directory else b"",
        committed=CommittedDirectory(entry.node, entry.digest, entry.size, entry.below) if directory else None,
    )


class BaseTree:
    """The tree under a draft, by inode number.

    What is found on the way to an inode is cached: in a deep tree those above it are asked for next.

    Args:
        node: Topmost page of its root directory; empty: there is no base.
        pages: Reads it.
    """

    def __init__(self, node: bytes, pages: Pages) -> None:
        self._node = node
        self._pages = pages
        self._found: dict[int, tuple[int, Entry]] = {}

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
        found = self._found.get(ino)
        return found[1] if found is not None else self._pages.descend(self._node, ino - BASE - 1)

    def name_of(self, ino: int) -> tuple[int, bytes]:
        """Directory and name of an inode other than the root.

        Raises:
            NotFoundError: The base has none.
        """
        if not self._node:
            raise NotFoundError("the draft has no base")
        if ino not in self._found:
            self._find(ino)
        directory, entry = self._found[ino]
        return directory, entry.name

    def remember(self, ino: int, directory: int, entry: Entry) -> None:
        """Cache an inode that was found by its name."""
        if len(self._found) > _MAX_CACHED:
            self._found.clear()
        self._found[ino] = directory, entry

    def _find(self, ino: int) -> None:
        """Cache an inode, and the directories above it."""
        trail = self._pages.trail(self._node, ino - BASE - 1)
        directory, node = BASE, self._node
        for entry in trail[:-1]:
            found = self._pages.find(node, entry.name)
            if found is None:
                raise NotFoundError(f"no entry {ino - BASE}")
            above, directory = directory, directory + 1 + found[1]
            self.remember(directory, above, entry)
            node = entry.node
        self.remember(ino, directory, trail[-1])


class InodeTable:
    """Inodes by number, decoded and cached.

    Args:
        rows: The draft's rows.
        base: The tree under it.
        owner: User and group of what comes from the base.
    """

    def __init__(self, rows: RowReader, base: BaseTree, owner: tuple[int, int]) -> None:
        self._rows = rows
        self.base = base
        self._owner = owner
        self._cache: dict[int, InodeRow] = {}

    def get(self, ino: int) -> InodeRow:
        """The row of an inode.

        Raises:
            OSError: ESTALE: there is none (any more).
        """
        row = self._cache.get(ino)
        if row is not None:
            return row
        value = self._rows.get(inode_key(ino))
        if value is None:
            return self._from_base(ino)
        row = decode_inode(value)
        self.update(ino, row)
        return row

    def _from_base(self, ino: int) -> InodeRow:
        if ino < BASE:
            raise os_error(errno.ESTALE)
        try:
            return inode_from_entry(self.base.entry(ino), self._owner)
        except NotFoundError:
            raise os_error(errno.ESTALE) from None

    def has_row(self, ino: int) -> bool:
        """True if an inode has a row of its own; without one it is as the base has it."""
        return ino in self._cache or self._rows.get(inode_key(ino)) is not None

    def update(self, ino: int, row: InodeRow | None) -> None:
        """Cache the row that the database has now; None: it has none.

        A full cache is emptied, which costs less than finding its oldest row.
        """
        if row is None:
            self._cache.pop(ino, None)
            return
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[ino] = row
