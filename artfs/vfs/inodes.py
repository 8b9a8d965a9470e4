"""Inode numbers, computed and never remembered.

    ino = serial << 32 | position

`serial` is the never reused number that the catalog gives to each artifact, version and alias. Within a version,
`position` is the entry's place in the pre-order walk: 0 the version's own directory, 1 its first entry. A project has
the serial of its first artifact, and `PROJECT_POSITION`. Both
directions are found by descending the tree, so any process of any age answers for any inode.
"""

from __future__ import annotations

__all__ = ["MAX_POSITION", "PROJECT_POSITION", "ROOT_INODE", "inode", "position_of", "serial_of"]

ROOT_INODE = 1
"""The root directory of the mount (FUSE fixes the number); serials start above it."""

PROJECT_POSITION = 1
"""With the serial of an artifact: the directory of its project."""

_BITS = 32
MAX_POSITION = (1 << _BITS) - 1


def inode(serial: int, position: int = 0) -> int:
    """Return the inode number of a serial and a position."""
    return serial << _BITS | position


def serial_of(ino: int) -> int:
    """Return the serial in an inode number."""
    return ino >> _BITS


def position_of(ino: int) -> int:
    """Return the position in an inode number."""
    return ino & MAX_POSITION
