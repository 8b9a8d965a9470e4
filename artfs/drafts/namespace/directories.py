"""Directories of a draft: names are looked up, listed, added, moved and removed.

A directory of the base is never copied. Its changes are rows over it: a name that leads elsewhere, or to nothing. A
directory that is moved keeps its number, and with it all that is below it.

An offset of a listing says after which entry to go on, and changes do not shift it: names of the base have their
position there, other names a number that was given once (a cookie). A name that replaces one of the base is listed in
its place.
"""

from __future__ import annotations

import errno
import stat
import time
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from artfs.drafts.db.schema import (
    BASE,
    Dentry,
    InodeRow,
    RowReader,
    decode_dentry,
    dentry_key,
    encode_dentry,
    link_key,
    order_key,
    u64_key,
)
from artfs.drafts.namespace.inodes import InodeTable, os_error
from artfs.drafts.namespace.transaction import Transaction
from artfs.names import MAX_NAME_BYTES
from artfs.store.tree.pages import Pages

__all__ = ["RENAME_EXCHANGE", "RENAME_NOREPLACE", "DirectoryReader", "DirectoryWriter"]

RENAME_NOREPLACE: Final = 1
RENAME_EXCHANGE: Final = 2
_REMOVED: Final = Dentry(0, 0)
_MAX_LINKS: Final = 65_000
_FIRST_COOKIE: Final = 1 << 40
"""Offsets from here on are cookies; below are positions in the base."""
_ROWS_AT_ONCE: Final = 64


class DirectoryReader:
    """Looks up and lists names.

    Args:
        rows: The draft's rows.
        inodes: The same, decoded.
        pages: Reads the base.
    """

    def __init__(self, rows: RowReader, inodes: InodeTable, pages: Pages) -> None:
        self._rows = rows
        self._inodes = inodes
        self._pages = pages

    def find(self, directory: int, name: bytes) -> int:
        """The inode that a name leads to, 0 if none.

        Raises:
            OSError: ENAMETOOLONG, ENOTDIR, or ESTALE for an unknown directory.
        """
        if len(name) > MAX_NAME_BYTES:
            raise os_error(errno.ENAMETOOLONG)
        value = self._rows.get(dentry_key(directory, name))
        if value is not None:
            return decode_dentry(value).ino
        row = self._inodes.get(directory)
        if not stat.S_ISDIR(row.mode):
            raise os_error(errno.ENOTDIR)
        return self.find_in_base(directory, row, name)

    def find_in_base(self, directory: int, row: InodeRow, name: bytes) -> int:
        """The inode that a name leads to in the base, 0 if none."""
        found = self._pages.find(row.lower, name) if row.lower else None
        if found is None:
            return 0
        ino = directory + 1 + found[1]
        self._inodes.base.remember(ino, directory, found[0])
        return ino

    def entries(self, directory: int, offset: int = 0) -> Iterator[tuple[bytes, int, int]]:
        """Names from an offset on: name, inode, offset of what follows.

        The directory may change between two calls, the second of which goes on after the first: names that did not
        change are listed once.
        """
        if offset < _FIRST_COOKIE:
            lower = self._inodes.get(directory).lower
            if lower:
                yield from self._base_entries(directory, lower, offset)
            offset = _FIRST_COOKIE
        yield from self._new_entries(directory, offset - _FIRST_COOKIE)

    def _base_entries(self, directory: int, lower: bytes, offset: int) -> Iterator[tuple[bytes, int, int]]:
        prefix = dentry_key(directory, b"")
        unchanged = not self._rows.items(prefix, limit=1)
        for position, entry in self._pages.iterate(lower, offset):
            following = position + entry.positions
            value = None if unchanged else self._rows.get(prefix + entry.name)
            ino = directory + 1 + position if value is None else decode_dentry(value).ino
            if ino:
                yield entry.name, ino, following

    def _new_entries(self, directory: int, cookie: int) -> Iterator[tuple[bytes, int, int]]:
        prefix = order_key(directory, 0)[:-8]
        while True:
            found = self._rows.items(prefix, u64_key(cookie), _ROWS_AT_ONCE)
            for key, name in found:
                cookie = int.from_bytes(key) + 1
                value = self._rows.get(dentry_key(directory, name))
                if value is not None:
                    yield name, decode_dentry(value).ino, _FIRST_COOKIE + cookie
            if len(found) < _ROWS_AT_ONCE:
                return

    def is_empty(self, directory: int) -> bool:
        """True if a directory has no names."""
        return next(self.entries(directory), None) is None

    def names_of(self, ino: int) -> list[tuple[int, bytes]]:
        """All names of an inode, as directory and name; none if it was removed."""
        if self._inodes.has_row(ino):
            return self._links(ino)
        if ino < BASE:
            return []
        directory, name = self._inodes.base.name_of(ino)
        return [(directory, name)] if self.find(directory, name) == ino else []

    def name_of(self, ino: int) -> tuple[int, bytes]:
        """One name of an inode, as directory and name.

        Raises:
            OSError: ENOENT: it has none.
        """
        found = self._links(ino, limit=1)  # it may have sixty thousand
        if found:
            return found[0]
        if ino > BASE and not self._inodes.has_row(ino):
            return self._inodes.base.name_of(ino)
        raise os_error(errno.ENOENT)

    def _links(self, ino: int, limit: int | None = None) -> list[tuple[int, bytes]]:
        found = self._rows.items(link_key(ino, 0, b"")[:-8], limit=limit)
        return [(int.from_bytes(key[:8]), key[8:]) for key, _nothing in found]

    def parent(self, ino: int) -> int:
        """A directory that has a name of an inode; the draft's own directory is its own parent."""
        return BASE if ino == BASE else self.name_of(ino)[0]

    def path(self, ino: int) -> bytes:
        """One path of an inode, for a message; empty for the draft's own directory."""
        parts: list[bytes] = []
        while ino != BASE:
            ino, name = self.name_of(ino)
            parts.append(name)
        return b"/".join(reversed(parts))


class DirectoryWriter(DirectoryReader):
    """Looks up, lists and changes names, with the rules and errors of the system calls."""

    def make(self, txn: Transaction, directory: int, name: bytes, row: InodeRow) -> int:
        """Make an inode with a name, and return its number.

        Raises:
            OSError: EEXIST, or the directory was removed.
        """
        if self.find(directory, name):
            raise os_error(errno.EEXIST)
        _check_linked(txn, directory)
        ino = txn.allocate("ino")
        txn.set_inode(ino, row)
        txn.mark_inode(ino)
        self._add(txn, directory, name, ino)
        _touch(txn, directory, 1 if stat.S_ISDIR(row.mode) else 0)
        return ino

    def link(self, txn: Transaction, ino: int, directory: int, name: bytes) -> None:
        """Give a file another name."""
        if self.find(directory, name):
            raise os_error(errno.EEXIST)
        row = txn.inode(ino)
        if stat.S_ISDIR(row.mode):
            raise os_error(errno.EPERM)
        if row.nlink == 0:
            raise os_error(errno.ENOENT)
        if row.nlink >= _MAX_LINKS:
            raise os_error(errno.EMLINK)
        _check_linked(txn, directory)
        txn.set_inode(ino, replace(row, nlink=row.nlink + 1, ctime_ns=time.time_ns()))
        self._add(txn, directory, name, ino)
        _touch(txn, directory)

    def unlink(self, txn: Transaction, directory: int, name: bytes) -> int:
        """Remove a file's name, and return its inode."""
        ino = self._existing(directory, name)
        if stat.S_ISDIR(txn.inode(ino).mode):
            raise os_error(errno.EISDIR)
        _drop_link(txn, ino)
        _remove(txn, directory, name, ino)
        _touch(txn, directory)
        return ino

    def rmdir(self, txn: Transaction, directory: int, name: bytes) -> int:
        """Remove an empty directory, and return its inode."""
        ino = self._existing(directory, name)
        if not stat.S_ISDIR(txn.inode(ino).mode):
            raise os_error(errno.ENOTDIR)
        if not self.is_empty(ino):
            raise os_error(errno.ENOTEMPTY)
        _drop_link(txn, ino)
        _remove(txn, directory, name, ino)
        _touch(txn, directory, -1)
        return ino

    def rename(
        self, txn: Transaction, directory: int, name: bytes, new_directory: int, new_name: bytes, flags: int
    ) -> int:
        """Move a name, in place of what has the new one; return the inode that lost its name, or 0.

        Raises:
            OSError: As of rename(2).
        """
        if flags not in (0, RENAME_NOREPLACE, RENAME_EXCHANGE):
            raise os_error(errno.EINVAL)
        ino = self._existing(directory, name)
        other = self.find(new_directory, new_name)
        _check_linked(txn, new_directory)
        if flags == RENAME_EXCHANGE:
            self._exchange(txn, (directory, name, ino), (new_directory, new_name, other))
            return 0
        if flags == RENAME_NOREPLACE and other:
            raise os_error(errno.EEXIST)
        if other == ino:
            return 0
        is_directory = stat.S_ISDIR(txn.inode(ino).mode)
        if is_directory:
            self._check_not_below(ino, new_directory)
        removed_directories = 0
        if other:
            removed_directories = self._replace(txn, other, is_directory)
            txn.delete(link_key(other, new_directory, new_name))
        txn.set_inode(ino, replace(txn.inode(ino), ctime_ns=time.time_ns()))
        _remove(txn, directory, name, ino)
        self._add(txn, new_directory, new_name, ino)
        _touch(txn, directory, -1 if is_directory else 0)
        _touch(txn, new_directory, (1 if is_directory else 0) - removed_directories)
        return other

    def _replace(self, txn: Transaction, other: int, by_directory: bool) -> int:
        """Take its name from what a rename replaces, and return how many directories that were."""
        is_directory = stat.S_ISDIR(txn.inode(other).mode)
        if is_directory != by_directory:
            raise os_error(errno.EISDIR if is_directory else errno.ENOTDIR)
        if is_directory and not self.is_empty(other):
            raise os_error(errno.ENOTEMPTY)
        _drop_link(txn, other)
        return int(is_directory)

    def _exchange(self, txn: Transaction, one: tuple[int, bytes, int], two: tuple[int, bytes, int]) -> None:
        if not two[2]:
            raise os_error(errno.ENOENT)
        now = time.time_ns()
        for (directory, name, ino), (new_directory, _new_name, _other) in ((one, two), (two, one)):
            is_directory = stat.S_ISDIR(txn.inode(ino).mode)
            if is_directory:
                self._check_not_below(ino, new_directory)
            txn.set_inode(ino, replace(txn.inode(ino), ctime_ns=now))
            txn.delete(link_key(ino, directory, name))
            _touch(txn, directory, -1 if is_directory else 0)
            _touch(txn, new_directory, 1 if is_directory else 0)
        for (_directory, _name, ino), (new_directory, new_name, _other) in ((one, two), (two, one)):
            self._add(txn, new_directory, new_name, ino)

    def _add(self, txn: Transaction, directory: int, name: bytes, ino: int) -> None:
        """Let a name lead to an inode, whatever it led to before."""
        key = dentry_key(directory, name)
        value = txn.get(key)
        cookie = 0 if value is None else decode_dentry(value).cookie
        if value is None and not self.find_in_base(directory, txn.inode(directory), name):
            cookie = txn.allocate("cookie")
            txn.put(order_key(directory, cookie), name)
        txn.put(key, encode_dentry(Dentry(ino, cookie)))
        txn.put(link_key(ino, directory, name))
        txn.mark_name(directory, name)

    def _existing(self, directory: int, name: bytes) -> int:
        ino = self.find(directory, name)
        if not ino:
            raise os_error(errno.ENOENT)
        return ino

    def _check_not_below(self, ino: int, directory: int) -> None:
        """Refuse to move a directory into itself."""
        at = directory
        while at != BASE:
            if at == ino:
                raise os_error(errno.EINVAL)
            at = self.parent(at)


def _remove(txn: Transaction, directory: int, name: bytes, ino: int) -> None:
    """Let a name of an inode lead to nothing."""
    key = dentry_key(directory, name)
    value = txn.get(key)
    cookie = 0 if value is None else decode_dentry(value).cookie
    if cookie:
        txn.delete(order_key(directory, cookie))
        txn.delete(key)
    else:
        txn.put(key, encode_dentry(_REMOVED))
    txn.delete(link_key(ino, directory, name))
    txn.mark_name(directory, name)


def _check_linked(txn: Transaction, directory: int) -> None:
    """Refuse to put names into a directory that was removed."""
    row = txn.inode(directory)
    if not stat.S_ISDIR(row.mode):
        raise os_error(errno.ENOTDIR)
    if row.nlink == 0:
        raise os_error(errno.ENOENT)


def _touch(txn: Transaction, directory: int, subdirectories: int = 0) -> None:
    """Set the times of a directory whose names changed, and count its subdirectories."""
    row = txn.inode(directory)
    now = time.time_ns()
    nlink = row.nlink + subdirectories if row.nlink > 1 else row.nlink
    txn.set_inode(directory, replace(row, mtime_ns=now, ctime_ns=now, nlink=nlink))
    txn.mark_inode(directory)


def _drop_link(txn: Transaction, ino: int) -> None:
    """Take one name from an inode; a directory has only one."""
    row = txn.inode(ino)
    nlink = 0 if stat.S_ISDIR(row.mode) else row.nlink - 1
    txn.set_inode(ino, replace(row, nlink=nlink, ctime_ns=time.time_ns()))
