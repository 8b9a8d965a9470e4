"""Jobs and results that the server of a draft and the storer exchange about its files."""

from __future__ import annotations

from typing import Final

import msgspec

from artfs.drafts.db.schema import CommittedDirectory, Extent

__all__ = ["RECHUNK_MARGIN", "CommitDelta", "StoreJob", "StoreResult"]

RECHUNK_MARGIN: Final = 16 << 20
"""The storer leaves at most this much of a growing file for the next job, since the last cuts are not certain yet."""


class StoreJob(msgspec.Struct, array_like=True, frozen=True):
    """A file to be stored in the background. Data files have its bytes, except those stored while it grew.

    Attributes:
        ino: Its inode.
        counter: As in its row: changes with its bytes, except for an append while it grows.
        size: Bytes from the first on.
        extents: Where these bytes are: by start, as in the row; gaps after `start` are zero.
        final: These are all bytes. Otherwise the file grows, and a later job has more.
        start: First bytes that `extents` leave out, since the store or an earlier job has them.
        acked: First bytes that are in the store and that the row refers to there.
    """

    ino: int
    counter: int
    size: int
    extents: list[tuple[int, Extent]]
    final: bool
    start: int = 0
    acked: int = 0


class StoreResult(msgspec.Struct, array_like=True, frozen=True):
    """A file that was stored, or its first bytes.

    Attributes:
        ino: Its inode.
        counter: As in its row when its bytes were read.
        digest: Of its content, as in `Entry`.
        extra: As in `Entry`.
        size: Bytes from the first on.
    """

    ino: int
    counter: int
    digest: bytes
    extra: bytes
    size: int


class CommitDelta(msgspec.Struct, array_like=True, frozen=True):
    """Part of what the rows of a draft take over from a published commit.

    Attributes:
        files: Files that it stored.
        directories: Inode, and the directory as the version has it.
    """

    files: list[StoreResult]
    directories: list[tuple[int, CommittedDirectory]]
