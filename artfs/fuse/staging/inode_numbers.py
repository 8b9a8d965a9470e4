"""Inode numbers and file handles of a staging mount: number of the draft, and number in the draft.

    ino = draft << 40 | local

- Draft 0 is the mount itself: its root, and the root's control directory.
- A draft's control directory and control files have local numbers that no inode of a draft has.
- The handle of an open file is its inode number, with the bit `WRITING` if it is open for writing. So a server that
  replaces a dead one knows all handles.
- The handle of a control file has the number of the opening in bits that are zero in its inode number, since each
  opening reads a text of its own.
"""

from __future__ import annotations

from typing import Final

from artfs.drafts.db.schema import BASE

__all__ = [
    "CONTROL",
    "CONTROL_NAMES",
    "ROOT",
    "ROOT_CONTROL_NAMES",
    "WRITING",
    "control_handle",
    "is_control",
    "join",
    "local_of_handle",
    "split",
]

_BITS: Final = 40
_LOCAL: Final = (1 << _BITS) - 1

ROOT: Final = 1
"""The mount's own directory; FUSE fixes the number."""
CONTROL: Final = 1 << 38
"""Local number of a control directory; its files follow."""
WRITING: Final = 1 << 37
"""Set in the handle of a file that is open for writing."""
_OPENING: Final = 4
_OPENINGS: Final = 1 << 24

CONTROL_NAMES: Final = (b"commit", b"status", b"meta", b"result", b"conflicts")
"""Control files of a draft, in the order of their numbers."""
ROOT_CONTROL_NAMES: Final = (b"stage", b"discard", b"drafts", b"undelete")
"""Control files of the mount, in the order of their numbers."""


def split(ino: int) -> tuple[int, int]:
    """Split an inode number into the draft's number and the local one."""
    return ino >> _BITS, ino & _LOCAL


def join(draft: int, local: int) -> int:
    """Make an inode number of a draft's number and a local one."""
    return draft << _BITS | local


def is_control(local: int) -> bool:
    """Tell the local numbers of control directories and control files from others."""
    return CONTROL <= local < BASE


def control_handle(ino: int, opening: int) -> int:
    """Make the handle of a control file for one opening of it."""
    return ino | opening % _OPENINGS << _OPENING


def local_of_handle(local: int) -> int:
    """Local number of the control file that a split handle belongs to."""
    return local & ~((_OPENINGS - 1) << _OPENING)
