"""Inode numbers of a staging mount: the number of the draft, and the inode's own in it.

    ino = draft << 40 | local

Draft 0 is the mount itself: its root, and the control directory in that. A draft's own control directory and files have
local numbers that its inodes never have.

The handle of an open file is its inode number, with a bit set that no inode number has if it is open for writing. So a
process that takes the place of one that died knows all handles. That of a control file tells one opening from another
too, by a number in bits that are zero in its inode number.
"""

from __future__ import annotations

from typing import Final

from artfs.vfs.draft.rows import BASE

__all__ = [
    "CONTROL",
    "CONTROL_NAMES",
    "ROOT",
    "ROOT_CONTROL_NAMES",
    "WRITING",
    "control_handle",
    "is_control",
    "join",
    "of_control_handle",
    "split",
]

_BITS: Final = 40
_LOCAL: Final = (1 << _BITS) - 1

ROOT: Final = 1
"""The mount's own directory; FUSE fixes the number."""
CONTROL: Final = 1 << 38
"""The local number of a control directory; its files follow."""
WRITING: Final = 1 << 37
"""Set in the handle of a file that is open for writing."""
_OPENING: Final = 4
_OPENINGS: Final = 1 << 24

CONTROL_NAMES: Final = (b"commit", b"status", b"meta", b"result")
"""The control files of a draft, in the order of their numbers."""
ROOT_CONTROL_NAMES: Final = (b"stage", b"discard", b"drafts")
"""Those of the mount."""


def split(ino: int) -> tuple[int, int]:
    """Draft and local number of an inode."""
    return ino >> _BITS, ino & _LOCAL


def join(draft: int, local: int) -> int:
    """The inode of a draft's local number."""
    return draft << _BITS | local


def is_control(local: int) -> bool:
    """Whether a local number is of a control directory or file."""
    return CONTROL <= local < BASE


def control_handle(ino: int, opening: int) -> int:
    """The handle of a control file."""
    return ino | opening % _OPENINGS << _OPENING


def of_control_handle(local: int) -> int:
    """The local number of the control file that a handle, without its draft, is of."""
    return local & ~((_OPENINGS - 1) << _OPENING)
