"""Names in the directories of a draft: what they lead to, and how they are made, moved and removed.

A directory of the base is never copied. What was changed in it are rows over it: a name that leads elsewhere, or to
nothing. A directory that is moved keeps its number, so it keeps what is below it.
"""

from __future__ import annotations

import errno
import stat
import time
from typing import Final

from msgspec.structs import replace

from artfs.names import MAX_NAME_BYTES
from artfs.store.tree.pages import Pages
from artfs.vfs.draft.batch import Batch
from artfs.vfs.draft.inodes import Inodes, fault
from artfs.vfs.draft.listing import Listing
from artfs.vfs.draft.rows import (
    BASE,
    Dentry,
    InodeRow,
    Rows,
    decode_dentry,
    dentry_key,
    encode_dentry,
    inode_key,
    link_key,
    order_key,
)

__all__ = ["RENAME_EXCHANGE", "RENAME_NOREPLACE", "Names"]

RENAME_NOREPLACE: Final = 1
RENAME_EXCHANGE: Final = 2
_GONE: Final = Dentry(0, 0)
_MAX_LINKS: Final = 65_000


class Names:
    """Finds and changes names.

    Args:
        rows: The draft's rows.
        inodes: By number.
        pages: Reads the base.
        listing: Lists directories.
    """

    def __init__(self, rows: Rows, inodes: Inodes, pages: Pages, listing: Listing) -> None:
        self._rows = rows
        self._inodes = inodes
        self._pages = pages
        self._listing = listing

    def find(self, directory: int, name: bytes) -> int:
        """The inode that a name leads to, 0 if none.

        Raises:
            OSError: ENAMETOOLONG, ENOTDIR, or ESTALE for an unknown directory.
        """
        if len(name) > MAX_NAME_BYTES:
            raise fault(errno.ENAMETOOLONG)
        value = self._rows.get(dentry_key(directory, name))
        if value is not None:
            return decode_dentry(value).ino
        row = self._inodes.get(directory)
        if not stat.S_ISDIR(row.mode):
            raise fault(errno.ENOTDIR)
        return self._in_base(directory, row, name)

    def _in_base(self, directory: int, row: InodeRow, name: bytes) -> int:
        found = self._pages.find(row.lower, name) if row.lower else None
        return 0 if found is None else directory + 1 + found[1]

    def parents(self, ino: int) -> list[tuple[int, bytes]]:
        """All names of an inode that has a row: directory and name."""
        prefix = link_key(ino, 0, b"")[:-8]
        return [(int.from_bytes(key[:8]), key[8:]) for key, _nothing in self._rows.items(prefix)]

    def add(self, batch: Batch, directory: int, name: bytes, ino: int) -> None:
        """Let a name lead to an inode, whatever it led to before."""
        value = batch.get(dentry_key(directory, name))
        cookie = 0 if value is None else decode_dentry(value).cookie
        if value is None and not self._in_base(directory, batch.inode(directory), name):
            cookie = batch.take("cookie")
            batch.put(order_key(directory, cookie), name)
        batch.put(dentry_key(directory, name), encode_dentry(Dentry(ino, cookie)))
        batch.put(link_key(ino, directory, name))
        batch.mark_name(directory, name)

    def remove(self, batch: Batch, directory: int, name: bytes, ino: int) -> None:
        """Let a name of an inode lead to nothing."""
        key = dentry_key(directory, name)
        value = batch.get(key)
        cookie = 0 if value is None else decode_dentry(value).cookie
        if cookie:
            batch.delete(order_key(directory, cookie))
            batch.delete(key)
        else:
            batch.put(key, encode_dentry(_GONE))
        batch.delete(link_key(ino, directory, name))
        batch.mark_name(directory, name)

    def make(self, batch: Batch, directory: int, name: bytes, row: InodeRow) -> int:
        """Make an inode with a name; gives its number.

        Raises:
            OSError: EEXIST, or the directory is gone.
        """
        if self.find(directory, name):
            raise fault(errno.EEXIST)
        self._living(batch, directory)
        ino = batch.take("ino")
        batch.set_inode(ino, row)
        batch.mark_inode(ino)
        self.add(batch, directory, name, ino)
        self.touch(batch, directory, 1 if stat.S_ISDIR(row.mode) else 0)
        return ino

    def link(self, batch: Batch, ino: int, directory: int, name: bytes) -> None:
        """Give a file another name."""
        if self.find(directory, name):
            raise fault(errno.EEXIST)
        row = batch.inode(ino)
        if stat.S_ISDIR(row.mode):
            raise fault(errno.EPERM)
        if row.nlink == 0:
            raise fault(errno.ENOENT)
        if row.nlink >= _MAX_LINKS:
            raise fault(errno.EMLINK)
        self._living(batch, directory)
        batch.set_inode(ino, replace(row, nlink=row.nlink + 1, ctime_ns=time.time_ns()))
        self.add(batch, directory, name, ino)
        self.touch(batch, directory)

    def unlink(self, batch: Batch, directory: int, name: bytes) -> int:
        """Remove a file's name; gives its inode."""
        ino = self._existing(directory, name)
        if stat.S_ISDIR(batch.inode(ino).mode):
            raise fault(errno.EISDIR)
        self._lose(batch, ino)
        self.remove(batch, directory, name, ino)
        self.touch(batch, directory)
        return ino

    def rmdir(self, batch: Batch, directory: int, name: bytes) -> int:
        """Remove an empty directory; gives its inode."""
        ino = self._existing(directory, name)
        if not stat.S_ISDIR(batch.inode(ino).mode):
            raise fault(errno.ENOTDIR)
        if not self._listing.is_empty(ino):
            raise fault(errno.ENOTEMPTY)
        self._lose(batch, ino)
        self.remove(batch, directory, name, ino)
        self.touch(batch, directory, -1)
        return ino

    def rename(self, batch: Batch, directory: int, name: bytes, new_directory: int, new_name: bytes, flags: int) -> int:
        """Move a name, in place of what has the new one; gives the inode that lost its name, or 0.

        Raises:
            OSError: As rename(2) has them.
        """
        if flags not in (0, RENAME_NOREPLACE, RENAME_EXCHANGE):
            raise fault(errno.EINVAL)
        ino = self._existing(directory, name)
        other = self.find(new_directory, new_name)
        self._living(batch, new_directory)
        if flags == RENAME_EXCHANGE:
            self._exchange(batch, (directory, name, ino), (new_directory, new_name, other))
            return 0
        if flags == RENAME_NOREPLACE and other:
            raise fault(errno.EEXIST)
        if other == ino:
            return 0
        is_directory = stat.S_ISDIR(batch.inode(ino).mode)
        if is_directory:
            self._not_below(ino, new_directory)
        removed_directory = 0
        if other:
            removed_directory = self._replace(batch, other, is_directory)
            batch.delete(link_key(other, new_directory, new_name))
        batch.set_inode(ino, replace(batch.inode(ino), ctime_ns=time.time_ns()))
        self.remove(batch, directory, name, ino)
        self.add(batch, new_directory, new_name, ino)
        self.touch(batch, directory, -1 if is_directory else 0)
        self.touch(batch, new_directory, (1 if is_directory else 0) - removed_directory)
        return other

    def _replace(self, batch: Batch, other: int, by_directory: bool) -> int:
        """Take its name from what a rename replaces; tells how many directories that were."""
        is_directory = stat.S_ISDIR(batch.inode(other).mode)
        if is_directory != by_directory:
            raise fault(errno.EISDIR if is_directory else errno.ENOTDIR)
        if is_directory and not self._listing.is_empty(other):
            raise fault(errno.ENOTEMPTY)
        self._lose(batch, other)
        return int(is_directory)

    def _exchange(self, batch: Batch, one: tuple[int, bytes, int], two: tuple[int, bytes, int]) -> None:
        if not two[2]:
            raise fault(errno.ENOENT)
        now = time.time_ns()
        for (directory, name, ino), (new_directory, _new_name, _other) in ((one, two), (two, one)):
            is_directory = stat.S_ISDIR(batch.inode(ino).mode)
            if is_directory:
                self._not_below(ino, new_directory)
            batch.set_inode(ino, replace(batch.inode(ino), ctime_ns=now))
            batch.delete(link_key(ino, directory, name))
            self.touch(batch, directory, -1 if is_directory else 0)
            self.touch(batch, new_directory, 1 if is_directory else 0)
        for (_directory, _name, ino), (new_directory, new_name, _other) in ((one, two), (two, one)):
            self.add(batch, new_directory, new_name, ino)

    def _existing(self, directory: int, name: bytes) -> int:
        ino = self.find(directory, name)
        if not ino:
            raise fault(errno.ENOENT)
        return ino

    def _living(self, batch: Batch, directory: int) -> None:
        """Refuse to put names into a directory that was removed."""
        row = batch.inode(directory)
        if not stat.S_ISDIR(row.mode):
            raise fault(errno.ENOTDIR)
        if row.nlink == 0:
            raise fault(errno.ENOENT)

    def _not_below(self, ino: int, directory: int) -> None:
        """Refuse to move a directory into itself."""
        at = directory
        while at != BASE:
            if at == ino:
                raise fault(errno.EINVAL)
            at = self.parent(at)

    def parent(self, ino: int) -> int:
        """A directory that has a name of an inode; of the draft's own directory itself."""
        if ino == BASE:
            return BASE
        found = self.name_of(ino)
        return found[0]

    def name_of(self, ino: int) -> tuple[int, bytes]:
        """One of an inode's names: directory and name.

        Raises:
            OSError: ENOENT: it has none.
        """
        prefix = link_key(ino, 0, b"")[:-8]
        found = self._rows.items(prefix, limit=1)  # of sixty thousand, it may be
        if found:
            return int.from_bytes(found[0][0][:8]), found[0][0][8:]
        if ino > BASE and self._rows.get(inode_key(ino)) is None:
            return self._inodes.base_name(ino)
        raise fault(errno.ENOENT)

    @staticmethod
    def touch(batch: Batch, directory: int, subdirectories: int = 0) -> None:
        """Note that names in a directory changed, and how many more directories there are in it."""
        row = batch.inode(directory)
        now = time.time_ns()
        nlink = row.nlink + subdirectories if row.nlink > 1 else row.nlink
        batch.set_inode(directory, replace(row, mtime_ns=now, ctime_ns=now, nlink=nlink))
        batch.mark_inode(directory)

    @staticmethod
    def _lose(batch: Batch, ino: int) -> None:
        """Take one name from an inode; a directory has only one."""
        row = batch.inode(ino)
        nlink = 0 if stat.S_ISDIR(row.mode) else row.nlink - 1
        batch.set_inode(ino, replace(row, nlink=nlink, ctime_ns=time.time_ns()))
