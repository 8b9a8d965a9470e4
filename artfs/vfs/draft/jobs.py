"""What the process that serves a draft and the one that stores its files tell each other about files."""

from __future__ import annotations

from typing import Final

import msgspec

from artfs.vfs.draft.rows import Committed, Extent

__all__ = ["UNCERTAIN", "Job", "Portion", "Stored"]

UNCERTAIN: Final = 16 << 20
"""The storer leaves fewer bytes than these of a file that grows for its next job: where to cut them is not certain."""


class Job(msgspec.Struct, array_like=True, frozen=True):
    """A file to be stored in the background; all its bytes are in data files, or were stored while it grew.

    Attributes:
        ino: Its inode.
        counter: As in its row: changes with its bytes, but for appending while it grows.
        size: How many bytes there are, from the first on.
        extents: Where: by start, what the row says; what they leave out after `start` is zero.
        final: These are all. Otherwise the file grows, and a later job has more.
        start: How many of the first bytes are in the store, or in an earlier job, and not in `extents`.
        held: How many of the first bytes are the store's, by the row.
    """

    ino: int
    counter: int
    size: int
    extents: list[tuple[int, Extent]]
    final: bool
    start: int = 0
    held: int = 0


class Stored(msgspec.Struct, array_like=True, frozen=True):
    """A file that was stored, or as much of it as there was.

    Attributes:
        ino: Its inode.
        counter: As in its row when its bytes were read.
        digest: Of its content, as in `Entry`.
        extra: As in `Entry`.
        size: How many bytes, from the first on.
    """

    ino: int
    counter: int
    digest: bytes
    extra: bytes
    size: int


class Portion(msgspec.Struct, array_like=True, frozen=True):
    """Part of what a commit found out, once it is published.

    Attributes:
        files: What it stored.
        directories: Inode, and what the version has of the directory.
    """

    files: list[Stored]
    directories: list[tuple[int, Committed]]
