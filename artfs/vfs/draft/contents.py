"""Bytes of files in a draft: in data files what was written, in the store what was there or is stored already.

A write goes to the file's data file, at the same offset, and only what was written is there: changing 4 KiB of a file
of 10 GB writes 4 KiB. The order is data, then the row that says so: a row never points to bytes that are not written.
"""

from __future__ import annotations

import errno
import stat
import time
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Final

from msgspec.structs import replace

from artfs.errors import ArtfsError, IntegrityError
from artfs.format.digest import Data
from artfs.store.content import ContentReader
from artfs.vfs.draft.backlog import Backlog
from artfs.vfs.draft.batch import Batch
from artfs.vfs.draft.datafiles import SPOOL, DataFiles
from artfs.vfs.draft.extents import Range, clip, cover, drop, extents, ranges
from artfs.vfs.draft.inodes import fault
from artfs.vfs.draft.placing import Placing
from artfs.vfs.draft.rows import NO_CONTENT, Content, Extent, InodeRow, Rows, decode_extent, extent_key
from artfs.vfs.draft.waste import Waste

__all__ = ["Contents", "without_privileges"]

_MAX_SIZE: Final = (1 << 63) - 1
_SYNCED_HELD: Final = 4096
_LOOKED_AT: Final = 64
_ROWS_AT_A_TIME: Final = 4096
_REPEATED: Final = 128 << 10
"""What the kernel gathers at most into one page."""


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

    Attributes:
        waste: What is given up.
    """

    def __init__(self, rows: Rows, files: DataFiles, stored: ContentReader, backlog: Backlog) -> None:
        self._rows = rows
        self._files = files
        self._stored = stored
        self._backlog = backlog
        self._placing = Placing(rows, files)
        self.waste = Waste(files, self._placing.spool)
        self._unsynced: dict[int, set[int]] = {}

    def read(self, ino: int, row: InodeRow, offset: int, size: int) -> Data:
        """Read a range of a file; shorter only at its end."""
        end = min(offset + size, row.size)
        if offset >= end:
            return b""
        tail = self._placing.tail(ino)
        if tail is not None and tail.start <= offset and end <= tail.end:
            return self._files.read(tail.data, tail.base + offset, end - offset)
        parts: list[Data] = []
        for part in ranges(self._rows, ino, offset, end):
            if part.data:
                parts.append(self._files.read(part.data, part.base + part.start, part.end - part.start))
            else:
                self._read_gap(row.content, part, parts)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_gap(self, content: Content, gap: Range, parts: list[Data]) -> None:
        """Read what no extent covers: content up to its limit, then zeros."""
        at = gap.start
        if at < content.limit:
            at = min(gap.end, content.limit)
            parts.append(self._stored.read(content.entry(), gap.start, at - gap.start))
        if at < gap.end:
            parts.append(bytes(gap.end - at))

    def write(self, batch: Batch, ino: int, offset: int, piece: bytes, *, timed: bool = True) -> int:
        """Write to a file, which sets its times if it is `timed`.

        Returns:
            How many bytes were written: fewer than there are if the disk is full, and it is `timed`.

        Raises:
            OSError: None could be written; or, if it is not `timed`, not all.
        """
        row = batch.inode(ino)
        if offset + len(piece) > _MAX_SIZE:
            raise fault(errno.EFBIG)
        repeated = self._repeated(batch, ino, row, offset, piece)
        offset, piece = offset + repeated, piece[repeated:]
        target, base, extent, data = self._placing.place(batch, ino, row, offset, offset + len(piece))
        hidden: list[Range] = []
        written = self._files.write(target, base + offset, piece)
        while written < len(piece) and not timed:  # of what the kernel gathered it does not look how much was written
            written += self._files.write(target, base + offset + written, piece[written:])
        end = offset + written
        if extent is None:
            extent = cover(batch, self._rows, ino, Range(offset, end, target, base), hidden)
        now = time.time_ns()
        counter = self._backlog.wrote(ino, offset, end, fresh=row.size == 0)
        batch.set_inode(
            ino,
            replace(
                row,
                mode=without_privileges(row.mode),
                size=max(row.size, end),
                mtime_ns=now if timed else row.mtime_ns,
                ctime_ns=now if timed else row.ctime_ns,
                data=data or row.data,
                data_generation=batch.generation if data else row.data_generation,
                counter=row.counter if counter is None else counter,
            ),
        )
        batch.mark_inode(ino)
        batch.apply()
        self._placing.written(ino, extent)
        unsynced = self._unsynced.get(ino)
        if unsynced is not None:
            unsynced.add(target)
        if hidden:
            self._give_up(ino, hidden)
        return repeated + written

    def _repeated(self, batch: Batch, ino: int, row: InodeRow, offset: int, piece: bytes) -> int:
        """How many bytes at the beginning of a piece are at the file's end already, in another place.

        The kernel gathers whole pages: what is appended comes with the beginning of its page. That may have been synced
        where it is, and a power cut could take it from where it was written again.
        """
        size = row.size - offset
        if not 0 < size < min(len(piece), _REPEATED):
            return 0
        tail = self._placing.tail(ino)
        own = row.data if row.data_generation == batch.generation else 0
        if tail is not None and tail.data == own and tail.start <= offset and row.size <= tail.end:
            return 0  # written over where it is
        try:
            there = bytes(self.read(ino, row, offset, size))
        except (ArtfsError, OSError):
            return 0
        return size if there == piece[:size] else 0

    def _give_up(self, ino: int, hidden: list[Range]) -> None:
        """Give up the data files of extents that were written over, if the file has nothing else in them."""
        left = self._some_extents(ino)
        if left is not None:
            self._note_unused(ino, hidden, left)
            self.waste.accept()

    def _some_extents(self, ino: int, end: int = _MAX_SIZE) -> list[Range] | None:
        """The extents that begin before `end`; None if they are many: it was written here and there."""
        found = list(islice(self._extents_before(ino, end), _LOOKED_AT + 1))
        return found if len(found) <= _LOOKED_AT else None

    def _note_unused(self, ino: int, gone: Sequence[Range], left: Sequence[Range]) -> set[int]:
        """Give up the places in data files in which nothing is left; tells which data files those are."""
        sizes: dict[tuple[int, int], int] = {}
        for extent in gone:
            place = extent.data, extent.base
            sizes[place] = sizes.get(place, 0) + extent.end - extent.start
        unused = sizes.keys() - {(extent.data, extent.base) for extent in left}
        for data, base in unused:
            self.waste.note(data, base, sizes[data, base])
        if unused:
            self._unsynced.pop(ino, None)  # which may name what goes: the rows tell what there is
        return {data for data, _base in unused}

    def truncate(self, batch: Batch, ino: int, size: int) -> None:
        """Make a file shorter, or longer by zeros. The caller sets the other attributes and applies the batch."""
        row = batch.inode(ino)
        if size > _MAX_SIZE:
            raise fault(errno.EFBIG)
        if size < row.size:
            self._placing.forget(ino)
            if size == 0:
                self.empty(batch, ino)
                row = replace(row, content=NO_CONTENT, data=0)
            else:
                left = self._some_extents(ino, size)
                gone = clip(batch, self._rows, ino, size)
                if left is not None and row.data in self._note_unused(ino, gone, left):
                    row = replace(row, data=0)
                content = row.content
                if content.limit > size:
                    content = content._replace(limit=size)
                row = replace(row, content=content)
        batch.set_inode(ino, replace(row, size=size, counter=self._backlog.changed(ino)))
        batch.mark_inode(ino)

    def empty(self, batch: Batch, ino: int) -> None:
        """Give up all that data files have of a file."""
        dropped = drop(batch, self._rows, ino)
        row = batch.inode(ino)
        own = dict.fromkeys((row.data,) if row.data else (), 0)
        place: dict[int, Range] = {}
        for extent in dropped:
            if extent.data & SPOOL:
                place.setdefault(0, extent)
            else:
                own[extent.data] = own.get(extent.data, 0) + extent.end - extent.start
        for data, size in own.items():
            self.waste.note(data, 0, size)
        for extent in place.values():
            self.waste.note(extent.data, extent.base, extent.end - extent.start)
        self._forget(ino)

    def _forget(self, ino: int) -> None:
        """Look at the rows again for where a file's bytes are."""
        self._placing.forget(ino)
        self._unsynced.pop(ino, None)

    def replace_by_stored(self, batch: Batch, ino: int, content: Content) -> None:
        """Let a file's bytes be what the store has of them, which are the same."""
        row = batch.inode(ino)
        self.empty(batch, ino)
        batch.set_inode(ino, replace(row, content=content, data=0))

    def replace_beginning(self, batch: Batch, ino: int, content: Content) -> None:
        """Let a file's first bytes, as many as `content` has, be what the store has of them, which are the same."""
        row = batch.inode(ino)
        gone = [extent for extent in self._extents_before(ino, content.limit) if extent.end <= content.limit]
        for extent in gone:
            batch.delete(extent_key(ino, extent.start))
        unused = self._note_unused(ino, gone, list(extents(self._rows, ino, content.limit)))
        self._forget(ino)
        batch.set_inode(ino, replace(row, content=content, data=0 if row.data in unused else row.data))

    def _extents_before(self, ino: int, end: int) -> Iterator[Range]:
        return takewhile(lambda extent: extent.start < end, extents(self._rows, ino))

    def freeze(self) -> None:
        """Keep all data files from now on."""
        self.waste.frozen = True
        self._placing.freeze()

    def thaw(self) -> None:
        """Data files may go again."""
        self.waste.frozen = False

    def sync(self, ino: int) -> None:
        """Make a file's bytes durable, before the rows that point to them are."""
        written = self._unsynced.get(ino)
        if written is None:  # never synced here: look at all of it
            written = {extent.data for extent in extents(self._rows, ino)}
        for data in written:
            self._files.sync(data)
        if len(self._unsynced) >= _SYNCED_HELD:
            self._unsynced.clear()
        self._unsynced[ino] = set()

    def recall(self, *, purge: bool) -> None:
        """Find out which data files there are, and by whom they are used.

        Args:
            purge: Remove the data files that a crash left behind.
        """
        referenced: set[int] = set()
        try:
            for extent in self._all_extents():
                referenced.add(extent.data)
                if extent.data & SPOOL:
                    self._placing.spool.recall(extent.data, extent.base, extent.end)
        except IntegrityError:  # who reads there is told; what the damaged row named is not known
            self.waste.kept = True
            return
        if purge:
            for data in set(self._files.numbers()) - referenced:
                self._files.remove(data)

    def _all_extents(self) -> Iterator[Extent]:
        start = b""
        while True:
            found = self._rows.items(b"E", start, _ROWS_AT_A_TIME)
            for _key, value in found:
                yield decode_extent(value)
            if len(found) < _ROWS_AT_A_TIME:
                return
            start = found[-1][0] + b"\0"
