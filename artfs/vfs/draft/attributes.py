"""What stat(2) says of an inode of a draft."""

from __future__ import annotations

import stat
from typing import Final, NamedTuple

from artfs.vfs.draft.rows import InodeRow

__all__ = ["DIRECTORY_SIZE", "Attributes", "attributes_of"]

DIRECTORY_SIZE: Final = 4096


class Attributes(NamedTuple):
    """What stat(2) says of an inode."""

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
    """Of an inode with that row."""
    size = DIRECTORY_SIZE if stat.S_ISDIR(row.mode) else row.size
    return Attributes(
        ino, row.mode, row.nlink, row.uid, row.gid, row.rdev, size, row.atime_ns, row.mtime_ns, row.ctime_ns
    )
