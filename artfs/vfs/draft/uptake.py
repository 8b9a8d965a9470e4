"""Which files of a draft are to be stored, and taking over what was: the storer's bytes in place of the data files."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from artfs.vfs.draft.backlog import Backlog, Due
from artfs.vfs.draft.changing import Changing
from artfs.vfs.draft.contents import Contents
from artfs.vfs.draft.extents import extents
from artfs.vfs.draft.inodes import Inodes
from artfs.vfs.draft.jobs import UNCERTAIN, Job, Stored
from artfs.vfs.draft.rows import Content, Extent, Rows, number

__all__ = ["Uptake"]

_MAX_EXTENTS: Final = 64
"""Of a file in one job; a file with more that was not written from front to back is written to here and there."""


class Uptake:
    """Gives out jobs for the storer, and takes over its results.

    Args:
        database: The rows of the draft.
        inodes: Those of inodes, held.
        changing: Makes the changes.
        contents: The bytes of files.
        backlog: What is to be stored.
    """

    def __init__(
        self, database: Rows, inodes: Inodes, changing: Changing, contents: Contents, backlog: Backlog
    ) -> None:
        self._database = database
        self._inodes = inodes
        self._changing = changing
        self._contents = contents
        self._backlog = backlog

    def jobs(self, files: int = 128, size: int = 64 << 20) -> list[Job]:
        """What is to be stored next, at most so many files and about so many bytes."""
        return [job for due in list(self._backlog.take(files, size)) if (job := self._job(due)) is not None]

    def _job(self, due: Due) -> Job | None:
        """What the storer is told of a file; nothing of one that is written to here and there."""
        row = self._inodes.get(due.ino)
        known = max(0, (due.known or 0) - UNCERTAIN)
        found = list(islice(extents(self._database, due.ino, known), _MAX_EXTENTS + 1))
        start = max(row.content.limit, found[0].start if found and known else 0)
        size, final = due.size, due.final
        if len(found) > _MAX_EXTENTS:
            if due.known is None:
                return None
            del found[_MAX_EXTENTS:]
            size, final = found[-1].end, False
            self._backlog.put_back(due, size)
        runs = [(extent.start, Extent(extent.end, extent.data, extent.base)) for extent in found]
        return Job(due.ino, row.counter, size, runs, final, start, row.content.limit)

    def stored(self, results: Iterable[Stored]) -> None:
        """Take over what was stored, of files whose bytes did not change since they were read."""
        for result in results:
            if not self._inodes.is_own(result.ino):
                continue
            row = self._inodes.get(result.ino)
            if row.counter == result.counter and row.nlink and self._has_extents(result.ino):
                self._take_over(result, row.size)

    def _take_over(self, result: Stored, size: int) -> None:
        batch = self._changing.begin(frees=True)
        content = Content(result.digest, result.extra, result.size, result.size)
        if result.size == size:
            self._contents.replace_by_stored(batch, result.ino, content)
        elif result.size < size:  # with the same counter it was only appended to
            self._contents.replace_beginning(batch, result.ino, content)
        self._changing.apply(batch)
        if result.size == size:
            self._backlog.gone(result.ino)

    def queue(self, ino: int) -> None:
        """Have a file stored some time, if all its bytes are in data files, or were before it was stored as it grew."""
        row = self._inodes.get(ino)
        whole = not row.content.limit or self._backlog.is_growing(ino)
        if row.size and whole and self._has_extents(ino):
            self._backlog.closed(ino, row.size)

    def _has_extents(self, ino: int) -> bool:
        return bool(self._database.items(b"E" + number(ino), limit=1))
