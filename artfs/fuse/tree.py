"""What a mount needs of the file tree that it shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

from artfs.format.digest import Data
from artfs.vfs.attributes import Attr

__all__ = ["FileTree"]


class FileTree(Protocol):
    """A read-only file tree, addressed by inode number; `artfs.vfs.StoreView` is the real one.

    Any process may be asked about any inode at any time: nothing is opened, remembered or forgotten. By-inode methods
    raise `NotFoundError` for an inode that is not there (any more).
    """

    def lookup(self, parent: int, name: bytes, /) -> Attr | None:
        """Attributes of the entry `name` of a directory, None if there is none."""
        ...

    def is_volatile(self, ino: int, /) -> bool:
        """Whether names come and go in a directory, so that "no such name" is true for a moment only."""
        ...

    def attr(self, ino: int, /) -> Attr:
        """Attributes of an inode."""
        ...

    def readlink(self, ino: int, caller: int, /) -> bytes:
        """The target of a symlink, as a thread is to see it (0: of a pid namespace that is not ours)."""
        ...

    def listdir(self, ino: int, offset: int, /) -> Iterator[tuple[bytes, Attr, int]]:
        """List a directory from an offset on (0 at first); each entry comes with the offset of what follows it."""
        ...

    def opened(self, ino: int, caller: int, /) -> None:
        """A thread opens a file."""
        ...

    def closed(self, ino: int, /) -> None:
        """A file is closed; another process may have opened it."""
        ...

    def read(self, ino: int, offset: int, size: int, /) -> Data:
        """Read from a file; shorter than `size` only at its end."""
        ...

    def xattr(self, ino: int, name: bytes, /) -> bytes | None:
        """The value of an extended attribute, None if there is none of that name."""
        ...

    def statfs(self) -> os.statvfs_result:
        """Of the file system that holds the data."""
        ...
