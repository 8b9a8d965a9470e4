"""Which data file bytes are written to, and where in it.

A data file belongs to one inode and one generation, but that files which come in one small write share data files: to
make and remove a file costs the file system more than the rest of such a write. After a freeze nothing writes to the
data files that there were: the next write begins another, so a commit reads what was frozen while writers go on.

A file that is written from front to back goes on in another data file after each 64 MiB. What is stored of it while it
still grows is given up file by file: a copy of 100 GB needs the room of 100 GB, and most of it goes to the disk once.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from artfs.vfs.draft.batch import Batch
from artfs.vfs.draft.datafiles import DataFiles
from artfs.vfs.draft.extents import Range, extents
from artfs.vfs.draft.rows import InodeRow, Rows
from artfs.vfs.draft.spool import Spool

__all__ = ["Place", "Placing"]

_TAILS_HELD: Final = 4096
_SPOOLED: Final = 256 << 10
_SEGMENT: Final = 64 << 20


class Place(NamedTuple):
    """Where bytes are to be written.

    Attributes:
        data: The data file.
        base: Where the file's byte 0 is, or would be, in it.
        extent: The extent that has such bytes there already; None: it is to be noted.
        own: The data file of its own that the file has then; 0: none.
    """

    data: int
    base: int
    extent: Range | None
    own: int


class Placing:
    """Finds places.

    Args:
        rows: The draft's rows.
        files: Its data files.
    """

    def __init__(self, rows: Rows, files: DataFiles) -> None:
        self._rows = rows
        self._files = files
        self._fresh: set[int] = set()
        self._tails: dict[int, Range] = {}
        self.spool = Spool(files)

    def place(self, batch: Batch, ino: int, row: InodeRow, start: int, end: int) -> Place:
        """Find where [start, end) of a file is to be written.

        Raises:
            OSError: A data file could not be made.
        """
        own = row.data if row.data_generation == batch.generation else 0
        extent = self._overwritten(ino, row, start, end, own)
        if extent is not None:
            return Place(extent.data, extent.base, extent, own)
        if not row.size and start == 0 and end <= _SPOOLED:
            data, base = self.spool.place(batch, end)
            return Place(data, base, None, own)
        if not own or self._is_full(ino, own, start):
            own = batch.take("data")
            self._files.create(own)
            self._fresh.add(own)
        return Place(own, 0, None, own)

    def _overwritten(self, ino: int, row: InodeRow, start: int, end: int, own: int) -> Range | None:
        """The extent in which [start, end) of a file can be written over, None if there is none."""
        extent = self._tails.get(ino)
        if start < row.size > _SEGMENT and not (extent is not None and extent.start <= start < extent.end):
            extent = next(extents(self._rows, ino, start), None)
        if extent is not None and extent.start <= start and end <= extent.end and self._is_ours(extent, own):
            return extent
        return None

    def _is_ours(self, extent: Range, own: int) -> bool:
        """Whether an extent is in a data file of this generation, and may be written over."""
        return extent.data == own or extent.data in self._fresh or self.spool.is_fresh(extent.data)

    def _is_full(self, ino: int, own: int, start: int) -> bool:
        """Whether what is appended is to go to another data file."""
        tail = self._tails.get(ino)
        return tail is not None and (tail.data, tail.end) == (own, start) and tail.end - tail.start >= _SEGMENT

    def written(self, ino: int, extent: Range) -> None:
        """Note the extent that was last written to."""
        if len(self._tails) >= _TAILS_HELD:
            self._tails.clear()
        self._tails[ino] = extent

    def tail(self, ino: int) -> Range | None:
        """The extent that was last written to, if that is known."""
        return self._tails.get(ino)

    def forget(self, ino: int) -> None:
        """The extents of a file changed."""
        self._tails.pop(ino, None)

    def freeze(self) -> None:
        """Begin other data files with the next write."""
        self._fresh.clear()
        self.spool.freeze()
