"""What the file tree says of one inode."""

from __future__ import annotations

import stat
from typing import NamedTuple

from artfs.format.node import Entry, Kind

__all__ = ["DIRECTORY_SIZE", "Attr", "attr_of_entry"]

DIRECTORY_SIZE = 4096
"""What every directory says of its own size, as ext4's small ones do."""

_TYPE_BITS: dict[int, int] = {
    Kind.FILE: stat.S_IFREG,
    Kind.REFERENCE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
}


class Attr(NamedTuple):
    """Attributes of one inode.

    Attributes:
        ino: Inode number.
        mode: Type and permission bits, as in `st_mode`.
        size: In bytes.
        mtime_ns: Nanoseconds since the epoch.
        volatile: Another process may change it: believe it for a second at most. Everything inside a version is not.
    """

    ino: int
    mode: int
    size: int
    mtime_ns: int
    volatile: bool = False


def attr_of_entry(entry: Entry, ino: int) -> Attr:
    """The attributes of an entry inside a version."""
    size = DIRECTORY_SIZE if entry.kind == Kind.DIRECTORY else entry.size
    return Attr(ino, _TYPE_BITS[entry.kind] | entry.mode, size, entry.mtime_ns)
