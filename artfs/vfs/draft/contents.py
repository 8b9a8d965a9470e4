"""Bytes of files in a draft: in data files what was written, in the store what was there or is stored already.

A write goes to the file's data file, at the same offset, and only what was written is there: changing 4 KiB of a file
of 10 GB writes 4 KiB. The order is data, then the row that says so: a row never points to bytes that are not written.

A data file belongs to one inode and one generation. After a freeze nothing writes to the data files that there were:
the next write begins another, so a commit reads what was frozen while writers go on.
"""

from __future__ import annotations

import errno
import stat
import time
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from artfs.format.digest import Data
from artfs.format.node import Entry, Kind
from artfs.store.content import ContentReader
from artfs.vfs.draft.backlog import Backlog
from artfs.vfs.draft.batch import Batch
from artfs.vfs.draft.datafiles import DataFiles
from artfs.vfs.draft.extents import Range, clip, cover, drop, extents, ranges
from artfs.vfs.draft.inodes import fault
from artfs.vfs.draft.rows import NO_CONTENT, Content, InodeRow, Rows

__all__ = ["Contents", "without_privileges"]

_MAX_SIZE: Final = (1 << 63) - 1
_TAILS_HELD: Final = 4096


def without_privileges(mode: int) -> int:
    """A file's mode after somebody wrote to it: set-user-id is gone, and set-group-id where it means execution."""
    return mode & ~(stat.S_ISUID | (stat.S_ISGID if mode & stat.S_IXGRP else 0))


class Contents:
    """Reads and writes files.

    Args:
        rows: The draft's rows.
        files: Its data files.
        stored: Reads what is in the store.
        backlog: Is told of all changes.
    """

    def __init__(self, rows: Rows, files: DataFiles, stored: ContentReader, backlog: Backlog) -> None:
        self._rows = rows
        self._files = files
        self._stored = stored
        self._backlog = backlog
        self._tails: dict[int, Range] = {}
        self._frozen = False
        self._garbage: list[int] = []

    def read(self, ino: int, row: InodeRow, offset: int, size: int) -> Data:
        """Read a range of a file; shorter only at its end."""
        end = min(offset + size, row.size)
        if offset >= end:
            return b""
        tail = self._tails.get(ino)
        if tail is not None and tail.start <= offset and end <= tail.end:
            return self._files.read(tail.data, offset, end - offset)
        parts: list[Data] = []
        for part in ranges(self._rows, ino, offset, end):
            if part.data:
                parts.append(self._files.read(part.data, part.start, part.end - part.start))
            else:
                self._read_gap(row.content, part, parts)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_gap(self, content: Content, gap: Range, parts: list[Data]) -> None:
        """Read what no extent covers: content up to its limit, then zeros."""
        at = gap.start
        if at < content.limit:
            entry = Entry(b"", Kind.FILE, 0, 0, content.size, content.digest, extra=content.extra)
            at = min(gap.end, content.limit)
            parts.append(self._stored.read(entry, gap.start, at - gap.start))
        if at < gap.end:
            parts.append(bytes(gap.end - at))

    def write(self, batch: Batch, ino: int, offset: int, piece: bytes) -> int:
        """Write to a file.

        Returns:
            How many bytes were written: fewer than there are if the disk is full.

        Raises:
            OSError: None could be written.
        """
        row = batch.inode(ino)
        if offset + len(piece) > _MAX_SIZE:
            raise fault(errno.EFBIG)
        data = row.data
        if not data or row.data_generation != batch.generation:
            data = batch.take("data")
            self._files.create(data)
        written = self._files.write(data, offset, piece)
        end = offset + written
        tail = self._tails.get(ino)
        if tail is None or tail.data != data or not (tail.start <= offset and end <= tail.end):
            tail = cover(batch, self._rows, ino, Range(offset, end, data))
        now = time.time_ns()
        counter = self._backlog.wrote(ino, offset, end, fresh=row.size == 0)
        batch.set_inode(
            ino,
            replace(
                row,
                mode=without_privileges(row.mode),
                size=max(row.size, end),
                mtime_ns=now,
                ctime_ns=now,
                data=data,
                data_generation=batch.generation,
                counter=row.counter if counter is None else counter,
            ),
        )
        batch.mark_inode(ino)
        batch.apply()
        self._hold(ino, tail)
        return written

    def _hold(self, ino: int, tail: Range) -> None:
        if len(self._tails) >= _TAILS_HELD:
            self._tails.clear()
        self._tails[ino] = tail

    def truncate(self, batch: Batch, ino: int, size: int) -> None:
        """Make a file shorter, or longer by zeros. The caller sets the other attributes and applies the batch."""
        row = batch.inode(ino)
        if size > _MAX_SIZE:
            raise fault(errno.EFBIG)
        if size < row.size:
            self._tails.pop(ino, None)
            if size == 0:
                self.empty(batch, ino)
                row = replace(row, content=NO_CONTENT, data=0)
            else:
                clip(batch, self._rows, ino, size)
                content = row.content
                if content.limit > size:
                    content = Content(content.digest, content.extra, content.size, size)
                row = replace(row, content=content)
        batch.set_inode(ino, replace(row, size=size, counter=self._backlog.changed(ino)))
        batch.mark_inode(ino)

    def empty(self, batch: Batch, ino: int) -> None:
        """Give up all that data files have of a file; they go when the batch was applied and `collect` is called."""
        files = drop(batch, self._rows, ino)
        row = batch.inode(ino)
        if row.data:
            files.add(row.data)
        self._garbage.extend(files)
        self._tails.pop(ino, None)

    def collect(self) -> None:
        """Remove data files that nothing points to any more, unless a commit may be reading them."""
        if self._frozen:
            return
        while self._garbage:
            self._files.remove(self._garbage.pop())

    def spare(self) -> None:
        """Forget what `empty` noted: its batch was not applied."""
        self._garbage.clear()

    def replace_by_stored(self, batch: Batch, ino: int, content: Content) -> None:
        """Let a file's bytes be what the store has of them, which are the same."""
        row = batch.inode(ino)
        self.empty(batch, ino)
        batch.set_inode(ino, replace(row, content=content, data=0))

    def freeze(self) -> None:
        """Keep all data files from now on."""
        self._frozen = True

    def thaw(self) -> None:
        """Data files may go again."""
        self._frozen = False
        self.collect()

    def sync(self, ino: int) -> None:
        """Make a file's bytes durable, before the rows that point to them are."""
        for extent in extents(self._rows, ino):
            self._files.sync(extent.data)

    def remove_unreferenced(self, referenced: Iterable[int]) -> None:
        """Remove the data files that a crash left behind."""
        for data in set(self._files.numbers()).difference(referenced):
            self._files.remove(data)
