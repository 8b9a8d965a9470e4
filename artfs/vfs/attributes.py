"""Attributes of an inode in the file tree."""

from __future__ import annotations

import stat
from typing import Final, NamedTuple

from artfs.format.node import Entry, Kind
from artfs.format.reference import UNKNOWN_SIZE, has_unknown_size
from artfs.store.tree.holes import may_have_holes

__all__ = ["DIRECTORY_SIZE", "Attr", "attr_of_entry"]

DIRECTORY_SIZE = 4096
"""The size of every directory, as ext4's small ones have it."""

_new = tuple.__new__  # without the call of Python code that a NamedTuple's own is
_FILE: Final[int] = Kind.FILE  # looked up once: it is compared for every entry of a listing
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
        volatile: Another process may change it: cache it for a second at most. Nothing inside a version is volatile.
        holes: Bytes of a file that are in holes; None: they have not been counted.
    """

    ino: int
    mode: int
    size: int
    mtime_ns: int
    volatile: bool = False
    holes: int | None = 0


def attr_of_entry(entry: Entry, ino: int) -> Attr:
    """Make the attributes of an entry inside a version; holes of a large file are not counted."""
    kind = entry.kind
    size = entry.size if kind == _FILE else _size(entry)
    return _new(
        Attr, (ino, _TYPE_BITS[kind] | entry.mode, size, entry.mtime_ns, False, None if may_have_holes(entry) else 0)
    )


def _size(entry: Entry) -> int:
    if entry.kind == Kind.DIRECTORY:
        return DIRECTORY_SIZE
    return UNKNOWN_SIZE if has_unknown_size(entry) else entry.size
