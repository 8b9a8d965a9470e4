"""File contents of a draft: written bytes are in data files, all others in the store.

A write goes to a data file and leaves the rest of the file alone: to change 4 KiB of a file of 10 GB writes 4 KiB.
Extents map ranges of a file to data files.

- The extents of a file do not overlap, and none is empty. Two that touch, in the file and in the data file, are one.
- Bytes without an extent are those of the file's content in the store up to the content's limit, and zero beyond.
- Bytes are written before the row that refers to them: a row never refers to bytes that are not written.
- A file that is written from front to back goes on in another data file every 64 MiB. What is stored of it while it
  grows is freed data file by data file: a copy of 100 GB needs the space of 100 GB, and most of it goes to disk once.
"""

from __future__ import annotations

import errno
import stat
import time
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Final, NamedTuple

from msgspec.structs import replace

from artfs.drafts.data.allocator import Freed, SpaceAllocator
from artfs.drafts.data.data_files import DataFiles, is_shared
from artfs.drafts.data.dirty_files import DirtyFiles
from artfs.drafts.data.refused_writes import RefusedWrites
from artfs.drafts.db.schema import (
    NO_CONTENT,
    Extent,
    InodeRow,
    RowReader,
    StoredContent,
    decode_extent,
    encode_extent,
    extent_key,
    u64_key,
)
from artfs.drafts.namespace.inodes import InodeTable, is_unknown_reference, os_error
from artfs.drafts.namespace.transaction import Transaction, Transactions
from artfs.errors import ArtfsError
from artfs.format.digest import Data
from artfs.store.file_reader import ContentReader

__all__ = ["FileReader", "FileWriter", "MappedExtent", "extents", "without_privileges"]

_MAX_SIZE: Final = (1 << 63) - 1
_SMALL_FILE: Final = 256 << 10
"""A file of at most so many bytes that comes in one write shares a data file."""
_DATA_FILE_BYTES: Final = 64 << 20
_CACHED: Final = 4096
_ROWS_AT_FIRST: Final = 4
"""Most readers of extents look at one or two."""
_ROWS_AT_ONCE: Final = 256
_MANY_EXTENTS: Final = 64
_PAGE_BYTES: Final = 128 << 10
"""The largest page of the kernel's page cache."""


def without_privileges(mode: int) -> int:
    """A file's mode after a write: without set-user-id, and set-group-id of what is executable."""
    return mode & ~(stat.S_ISUID | (stat.S_ISGID if mode & stat.S_IXGRP else 0))


class MappedExtent(NamedTuple):
    """A range of a file.

    Attributes:
        start: Offset of the first byte.
        end: Offset after the last.
        data: The data file that has the bytes; 0: none.
        base: Where byte 0 of the file is, or would be, in the data file.
    """

    start: int
    end: int
    data: int
    base: int = 0


def extents(rows: RowReader, ino: int, start: int = 0) -> Iterator[MappedExtent]:
    """The extents of a file that end after `start`, in order; it must not change meanwhile."""
    prefix = extent_key(ino, 0)[:-8]
    before = rows.floor(prefix, u64_key(start))
    if before is not None:
        first = int.from_bytes(before[0])
        extent = decode_extent(before[1])
        if first < start < extent.end:
            yield MappedExtent(first, *extent)
    at, limit = start, _ROWS_AT_FIRST
    while True:
        found = rows.items(prefix, u64_key(at), limit)
        for key, value in found:
            yield MappedExtent(int.from_bytes(key), *decode_extent(value))
        if len(found) < limit:
            return
        at, limit = int.from_bytes(found[-1][0]) + 1, _ROWS_AT_ONCE


class FileReader:
    """Reads files of a draft.

    Args:
        rows: The draft's rows.
        inodes: The same, decoded.
        data_files: Its data files.
        stored: Reads what is in the store.
    """

    def __init__(self, rows: RowReader, inodes: InodeTable, data_files: DataFiles, stored: ContentReader) -> None:
        self._rows = rows
        self._inodes = inodes
        self._data_files = data_files
        self._stored = stored

    def read(self, ino: int, offset: int, size: int) -> Data:
        """Read a range of a file; shorter than `size` only at its end.

        Raises:
            OSError: EISDIR or EINVAL: it is no file; or the disk said no.
        """
        row = self._inodes.get(ino)
        if not stat.S_ISREG(row.mode):
            raise os_error(errno.EISDIR if stat.S_ISDIR(row.mode) else errno.EINVAL)
        if is_unknown_reference(row):
            return self._stored.read(row.content.entry(), offset, size)
        end = min(offset + size, row.size)
        parts: list[Data] = []
        at = offset
        for extent in extents(self._rows, ino, offset) if offset < end else ():
            if extent.start >= end:
                break
            if extent.start > at:
                self._read_unwritten(row.content, at, extent.start, parts)
                at = extent.start
            stop = min(extent.end, end)
            parts.append(self._data_files.read(extent.data, extent.base + at, stop - at))
            at = stop
        if at < end:
            self._read_unwritten(row.content, at, end, parts)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_unwritten(self, content: StoredContent, start: int, end: int, parts: list[Data]) -> None:
        """Read bytes without an extent: content up to its limit, then zeros."""
        stop = max(start, min(end, content.limit))
        if stop > start:
            parts.append(self._stored.read(content.entry(), start, stop - start))
        if stop < end:
            parts.append(bytes(end - stop))


class FileWriter(FileReader):
    """Reads and writes files of a draft.

    Args:
        transactions: Of the draft.
        data_files: Its data files.
        space: Allocates them.
        stored: Reads what is in the store.
        dirty: Records every change, for the storer.
        timed: Writing sets a file's times. It does not where the kernel keeps them: it gathers writes, which arrive
            late, and sets the times itself before it closes the file.

    Attributes:
        refused: What writes were refused for.
    """

    def __init__(
        self,
        transactions: Transactions,
        data_files: DataFiles,
        space: SpaceAllocator,
        stored: ContentReader,
        dirty: DirtyFiles,
        *,
        timed: bool = True,
    ) -> None:
        super().__init__(transactions.database, transactions.inodes, data_files, stored)
        self._transactions = transactions
        self._space = space
        self._dirty = dirty
        self._timed = timed
        self.refused = RefusedWrites(transactions)
        self._last_extents: dict[int, MappedExtent] = {}
        self._unsynced: dict[int, set[int]] = {}

    def read(self, ino: int, offset: int, size: int) -> Data:
        """Read a range of a file; shorter than `size` only at its end.

        Raises:
            OSError: EISDIR or EINVAL: it is no file; or the disk said no, EIO also if it did when they were written.
        """
        if self.refused.files:
            self._check_not_refused(ino, offset, size)
        last = self._last_extents.get(ino)
        if last is not None and last.start <= offset < last.end:
            end = min(offset + size, self._inodes.get(ino).size)
            if offset < end <= last.end:
                return self._data_files.read(last.data, last.base + offset, end - offset)
        return super().read(ino, offset, size)

    def write(self, ino: int, offset: int, piece: bytes) -> int:
        """Write to a file.

        Returns:
            How many bytes were written: all.

        Raises:
            OSError: Not all could be written, and the file is as it was: the kernel does not look how much of what it
                gathered was taken.
        """
        txn = self._transactions.begin()
        row = txn.inode(ino)
        if offset + len(piece) > _MAX_SIZE:
            raise os_error(errno.EFBIG)
        if is_unknown_reference(row):
            raise os_error(errno.EIO)  # what is beside the piece cannot be read
        last = self._last_extents.get(ino)
        own = row.data if row.data_generation == txn.generation else 0
        repeated = self._repeated(ino, row, last, own, offset, piece)
        offset, piece = offset + repeated, piece[repeated:]
        end = offset + len(piece)
        extent, data, base, own = self._place(txn, ino, row, last, own, offset, end)
        self._data_files.write(data, base + offset, piece)
        hidden: list[MappedExtent] = []
        if last is not None and offset == row.size == last.end and (data, base) == (last.data, last.base):
            extent = last._replace(end=end)
            _put_extent(txn, ino, extent)  # appended: no other extent is near
        elif extent is None:
            extent = _insert_extent(txn, self._rows, ino, MappedExtent(offset, end, data, base), hidden)
        now = time.time_ns()
        counter = self._dirty.record_write(ino, offset, end, fresh=row.size == 0)
        txn.set_inode(
            ino,
            replace(
                row,
                mode=without_privileges(row.mode),
                size=max(row.size, end),
                mtime_ns=now if self._timed else row.mtime_ns,
                ctime_ns=now if self._timed else row.ctime_ns,
                data=own or row.data,
                data_generation=txn.generation if own else row.data_generation,
                counter=row.counter if counter is None else counter,
            ),
        )
        txn.mark_inode(ino)
        self.refused.clear(txn, ino, offset, end)
        txn.commit()
        if len(self._last_extents) >= _CACHED:
            self._last_extents.clear()
        self._last_extents[ino] = extent
        unsynced = self._unsynced.get(ino)
        if unsynced is not None:
            unsynced.add(data)
        if hidden:
            left = self._few_extents(ino)
            if left is not None:
                self._space.free(self._unreferenced(ino, hidden, left))
        return repeated + len(piece)

    def record_refused(self, ino: int, offset: int, piece: bytes) -> None:
        """Record that a write was refused: the bytes are nowhere.

        What the kernel gathered has changed the file's size already, for all who look.

        Raises:
            OSError: It could not be recorded, and counts all the same until this process ends.
        """
        row = self._inodes.get(ino)
        if not stat.S_ISREG(row.mode) or not row.nlink:
            return
        start, end = offset + self._repeated(ino, row, None, 0, offset, piece), offset + len(piece)
        if start < end <= _MAX_SIZE:
            txn = self._transactions.begin(releases_space=True)
            self._commit_refused(txn, ino, self.refused.add(txn, ino, start, end))

    def record_refused_again(self) -> None:
        """Record what could not be recorded when it was refused.

        Raises:
            OSError: It still cannot be.
        """
        for ino in list(self.refused.unrecorded):
            txn = self._transactions.begin(releases_space=True)
            self._commit_refused(txn, ino, self.refused.put_all(txn, ino))

    def _commit_refused(self, txn: Transaction, ino: int, end: int) -> None:
        row = txn.inode(ino)
        grows = not self._timed and end > row.size
        if grows or not self._inodes.has_row(ino):
            row = replace(row, size=end if grows else row.size, counter=self._dirty.record_change(ino))
            txn.set_inode(ino, row)
        txn.mark_inode(ino)
        txn.commit()

    def _check_not_refused(self, ino: int, offset: int, size: int) -> None:
        if ino in self.refused.files:
            end = min(offset + size, self._inodes.get(ino).size)
            if self.refused.overlaps(ino, offset, end):
                raise os_error(errno.EIO)

    def _repeated(self, ino: int, row: InodeRow, last: MappedExtent | None, own: int, offset: int, piece: bytes) -> int:
        """Count the bytes at the beginning of a piece that are at the file's end already, elsewhere.

        The kernel gathers whole pages: what is appended comes with the beginning of its page. That may have been synced
        where it is, and a power cut could take it from where it was written again.
        """
        size = row.size - offset
        if not 0 < size < min(len(piece), _PAGE_BYTES):
            return 0
        if last is not None and last.data == own and last.start <= offset and row.size <= last.end:
            return 0  # overwritten in its place
        try:
            there = bytes(self.read(ino, offset, size))
        except (ArtfsError, OSError):
            return 0
        return size if there == piece[:size] else 0

    def _place(
        self, txn: Transaction, ino: int, row: InodeRow, last: MappedExtent | None, own: int, start: int, end: int
    ) -> tuple[MappedExtent | None, int, int, int]:
        """Choose or allocate the data file that [start, end) of a file is written to.

        Returns:
            The extent that is overwritten, or None; the data file, and the base in it; the file's own data file, or 0.
        """
        extent = last
        if start < row.size > _DATA_FILE_BYTES and not (last is not None and last.start <= start < last.end):
            extent = next(extents(self._rows, ino, start), None)
        if extent is not None and extent.start <= start and end <= extent.end:
            if extent.data == own or self._space.is_writable(extent.data):
                return extent, extent.data, extent.base, own
        elif not row.size and start == 0 and end <= _SMALL_FILE:
            return None, *self._space.allocate_place(txn, end), own
        if not own or (last is not None and _is_full(last, own, start)):
            own = self._space.allocate_file(txn)
        return None, own, 0, own

    def _few_extents(self, ino: int, end: int = _MAX_SIZE) -> list[MappedExtent] | None:
        """The extents that begin before `end`; None if they are many: the file is written at random."""
        found = list(islice(self._extents_before(ino, end), _MANY_EXTENTS + 1))
        return found if len(found) <= _MANY_EXTENTS else None

    def _extents_before(self, ino: int, end: int) -> Iterator[MappedExtent]:
        return takewhile(lambda extent: extent.start < end, extents(self._rows, ino))

    def _unreferenced(self, ino: int, gone: Sequence[MappedExtent], left: Sequence[MappedExtent]) -> list[Freed]:
        """The space of a file that had some of these extents, and has none any more."""
        sizes: dict[tuple[int, int], int] = {}
        for extent in gone:
            place = extent.data, extent.base
            sizes[place] = sizes.get(place, 0) + extent.end - extent.start
        unused = sizes.keys() - {(extent.data, extent.base) for extent in left}
        if unused:
            self._unsynced.pop(ino, None)  # it may name what is freed: the next sync reads the rows
        return [Freed(data, base, sizes[data, base]) for data, base in unused]

    def truncate(self, txn: Transaction, ino: int, size: int) -> None:
        """Make a file shorter, or longer by zeros. The caller sets other attributes and commits."""
        row = txn.inode(ino)
        if size > _MAX_SIZE:
            raise os_error(errno.EFBIG)
        if size and is_unknown_reference(row):
            raise os_error(errno.EIO)
        if size == 0 and (row.size or row.content.is_reference):
            self.free_data(txn, ino)
            row = replace(row, content=NO_CONTENT, data=0)
        elif size < row.size:
            self._last_extents.pop(ino, None)
            left = self._few_extents(ino, size)
            gone = _truncate_extents(txn, self._rows, ino, size)
            if left is not None:
                row = self._free_unreferenced(txn, ino, row, gone, left)
            if row.content.limit > size:
                row = replace(row, content=row.content._replace(limit=size))
        self.refused.clear(txn, ino, size)
        txn.set_inode(ino, replace(row, size=size, counter=self._dirty.record_change(ino)))
        txn.mark_inode(ino)

    def _free_unreferenced(
        self, txn: Transaction, ino: int, row: InodeRow, gone: Sequence[MappedExtent], left: Sequence[MappedExtent]
    ) -> InodeRow:
        """Free the space of which a file has nothing left, and return its row without what is freed."""
        freed = self._unreferenced(ino, gone, left)
        self._space.free_on_commit(txn, freed)
        return replace(row, data=0) if row.data in {place.data for place in freed} else row

    def free_data(self, txn: Transaction, ino: int) -> None:
        """Remove all extents of a file, and free their space."""
        row = txn.inode(ino)
        own = {row.data: 0} if row.data else {}
        shared: list[Freed] = []
        for start, end, data, base in extents(self._rows, ino):
            txn.delete(extent_key(ino, start))
            if not is_shared(data):
                own[data] = own.get(data, 0) + end - start
            elif not shared:  # a file has one place at most
                shared.append(Freed(data, base, end - start))
        self._space.free_on_commit(txn, [Freed(data, 0, size) for data, size in own.items()] + shared)
        self._forget(ino)

    def _forget(self, ino: int) -> None:
        """Forget where a file's bytes are: the rows say so."""
        self._last_extents.pop(ino, None)
        self._unsynced.pop(ino, None)

    def swap_to_stored(self, txn: Transaction, ino: int, content: StoredContent) -> None:
        """Replace a file's data files by stored content, which has the same bytes."""
        row = txn.inode(ino)
        self.free_data(txn, ino)
        txn.set_inode(ino, replace(row, content=content, data=0))

    def swap_beginning_to_stored(self, txn: Transaction, ino: int, content: StoredContent) -> None:
        """Replace the data files of a file's first bytes by stored content, which has the same."""
        gone = [extent for extent in self._extents_before(ino, content.limit) if extent.end <= content.limit]
        for extent in gone:
            txn.delete(extent_key(ino, extent.start))
        left = list(extents(self._rows, ino, content.limit))
        row = self._free_unreferenced(txn, ino, txn.inode(ino), gone, left)
        self._forget(ino)
        txn.set_inode(ino, replace(row, content=content))

    def sync(self, ino: int) -> None:
        """Make a file's bytes durable, and then all changes so far.

        Raises:
            OSError: It could not be done.
        """
        written = self._unsynced.get(ino)
        if written is None:  # the first sync by this process
            written = {extent.data for extent in extents(self._rows, ino)}
        for data in written:
            self._data_files.sync(data)
        if len(self._unsynced) >= _CACHED:
            self._unsynced.clear()
        self._unsynced[ino] = set()
        self._transactions.database.sync()


def _is_full(last: MappedExtent, own: int, start: int) -> bool:
    """True if what is appended to a file's last extent is to go to another data file."""
    return (last.data, last.end) == (own, start) and last.end - last.start >= _DATA_FILE_BYTES


def _insert_extent(
    txn: Transaction, rows: RowReader, ino: int, new: MappedExtent, hidden: list[MappedExtent]
) -> MappedExtent:
    """Record that [start, end) of a file is in a data file now.

    Args:
        txn: Gets the rows.
        rows: The file's extents, of which nothing in the transaction may have changed any.
        ino: The file.
        new: What was written.
        hidden: Gets the extents of which nothing is left.

    Returns:
        The extent that it became part of.
    """
    start, end = new.start, new.end
    for old in list(takewhile(lambda old: old.start <= new.end, extents(rows, ino, max(start - 1, 0)))):
        if (old.data, old.base) == (new.data, new.base):
            start, end = min(start, old.start), max(end, old.end)
            txn.delete(extent_key(ino, old.start))
            continue
        if old.start >= new.start:
            txn.delete(extent_key(ino, old.start))
        elif old.end > new.start:
            _put_extent(txn, ino, MappedExtent(old.start, new.start, old.data, old.base))
        if old.end > new.end > old.start:
            _put_extent(txn, ino, MappedExtent(new.end, old.end, old.data, old.base))
        elif old.start == new.end:
            _put_extent(txn, ino, old)
        elif old.start >= new.start:
            hidden.append(old)
    inserted = MappedExtent(start, end, new.data, new.base)
    _put_extent(txn, ino, inserted)
    return inserted


def _truncate_extents(txn: Transaction, rows: RowReader, ino: int, size: int) -> list[MappedExtent]:
    """Cut off the extents of a file that becomes shorter; return those that go wholly."""
    gone = []
    for extent in extents(rows, ino, size):
        if extent.start < size:
            _put_extent(txn, ino, extent._replace(end=size))
        else:
            txn.delete(extent_key(ino, extent.start))
            gone.append(extent)
    return gone


def _put_extent(txn: Transaction, ino: int, extent: MappedExtent) -> None:
    txn.put(extent_key(ino, extent.start), encode_extent(Extent(extent.end, extent.data, extent.base)))
