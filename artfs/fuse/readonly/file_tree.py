"""Protocol of the file tree that a read-only mount shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

from artfs.format.digest import Data
from artfs.vfs.attributes import Attr

__all__ = ["FileTree"]


class FileTree(Protocol):
    """A read-only file tree, addressed by inode number; `artfs.vfs.StoreView` is the real one.

    Any process may be asked about any inode at any time: nothing is opened, remembered or forgotten. Methods that take
    an inode number raise `NotFoundError` for one that does not exist (any more).
    """

    def lookup(self, parent: int, name: bytes, /) -> Attr | None:
        """Return the attributes of the entry `name` of a directory, None if there is none."""
        ...

    def is_volatile(self, ino: int, /) -> bool:
        """Return whether names come and go in a directory, so that "no such name" must not be cached."""
        ...

    def attr(self, ino: int, /) -> Attr:
        """Return the attributes of an inode."""
        ...

    def readlink(self, ino: int, caller: int, /) -> bytes:
        """Return the target of a symlink for a thread (0: one of a foreign pid namespace)."""
        ...

    def listdir(self, ino: int, offset: int, /) -> Iterator[tuple[bytes, Attr, int]]:
        """List a directory from an offset on (0 at first): names, attributes, offsets of the next entry."""
        ...

    def opened(self, ino: int, caller: int, /) -> None:
        """Note that a thread opens a file."""
        ...

    def closed(self, ino: int, /) -> None:
        """Note that a file is closed; another process may have opened it."""
        ...

    def read(self, ino: int, offset: int, size: int, /) -> Data:
        """Read from a file; shorter than `size` only at its end."""
        ...

    def xattr(self, ino: int, name: bytes, /) -> bytes | None:
        """Return the value of an extended attribute, None if there is none of that name."""
        ...

    def statfs(self) -> os.statvfs_result:
        """Return what statvfs(3) says of the file system that holds the data."""
        ...
