"""What the file tree says of one inode."""

from __future__ import annotations

import stat
from typing import Final, NamedTuple

from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.references import is_readable

__all__ = ["DIRECTORY_SIZE", "UNREADABLE_SIZE", "Attr", "attr_of_entry"]

DIRECTORY_SIZE = 4096
"""What every directory says of its own size, as ext4's small ones do."""
UNREADABLE_SIZE = 1
"""What a reference says that cannot be read, so that its size is not known: of an empty file the kernel asks for no
byte, and whoever read it would take it for empty instead of getting an error."""

_new = tuple.__new__  # without the call of Python code that a NamedTuple's own is
_FILE: Final[int] = Kind.FILE  # looked up once: it is asked of every entry of a listing
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
    kind = entry.kind
    size = entry.size if kind == _FILE else _size(entry)
    return _new(Attr, (ino, _TYPE_BITS[kind] | entry.mode, size, entry.mtime_ns, False))


def _size(entry: Entry) -> int:
    if entry.kind == Kind.DIRECTORY:
        return DIRECTORY_SIZE
    if entry.kind == Kind.REFERENCE and not entry.size and not is_readable(decode_reference(entry)):
        return UNREADABLE_SIZE
    return entry.size
