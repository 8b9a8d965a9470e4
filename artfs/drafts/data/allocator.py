"""Space allocator for written bytes: allocates data files, and frees them when that is durable.

- A data file belongs to one inode and one generation, or is a segment that small files of one generation share. After
  a freeze writes go to new data files, so a commit reads stable bytes while writers go on.
- Frees are deferred until the change that makes the bytes unreferenced is durable: after a power cut, replay may
  restore rows that still point to them, and a file that was synced and then replaced has to have its bytes.
- Nothing is removed while a commit may be reading it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from artfs.drafts.data.data_files import DataFiles, is_shared
from artfs.drafts.data.small_file_segments import SegmentAllocator
from artfs.drafts.db.database import DraftDatabase
from artfs.drafts.db.schema import Extent, decode_extent
from artfs.drafts.namespace.transaction import Transaction
from artfs.errors import IntegrityError

__all__ = ["Freed", "SpaceAllocator"]

_REMOVED_AT_ONCE: Final = 1000
_FLUSH_PLACES: Final = 4096
_FLUSH_BYTES: Final = 256 << 20
_SCARCE_BYTES: Final = 1 << 30
"""With less free space than this, what is removed is freed at once."""
_ROWS_AT_ONCE: Final = 4096


class Freed(NamedTuple):
    """Space that is not referenced any more.

    Attributes:
        data: The data file.
        base: Offset of the place in it, of a shared one.
        size: How many bytes become free.
    """

    data: int
    base: int
    size: int


class SpaceAllocator:
    """Allocates and frees data files and places in shared ones.

    Args:
        files: The data files.
        database: The rows that refer to them.
    """

    def __init__(self, files: DataFiles, database: DraftDatabase) -> None:
        self._files = files
        self._database = database
        self._segments = SegmentAllocator(files)
        self._writable: set[int] = set()
        self._freed: deque[Freed] = deque()
        self._freed_bytes = 0
        self._frozen = False
        self._disabled = False

    def allocate_file(self, txn: Transaction) -> int:
        """Allocate a data file for one inode.

        Raises:
            OSError: It could not be created.
        """
        data = txn.allocate("data")
        self._files.create(data)
        self._writable.add(data)
        return data

    def allocate_place(self, txn: Transaction, size: int) -> tuple[int, int]:
        """Allocate a place for a small file, and return the shared data file and the offset in it.

        Raises:
            OSError: The data file could not be created.
        """
        return self._segments.allocate(txn, size)

    def is_writable(self, data: int) -> bool:
        """True if this process began a data file in this generation: its bytes may be overwritten."""
        return data in self._writable or data in self._segments.writable

    def freeze(self) -> None:
        """Begin new data files with the next write, and remove none, until `thaw`."""
        self._frozen = True
        self._writable.clear()
        self._segments.freeze()

    def thaw(self) -> None:
        """Data files may be removed again."""
        self._frozen = False

    def free_on_commit(self, txn: Transaction, freed: list[Freed]) -> None:
        """Free space that a transaction makes unreferenced, when it is committed and durable."""

        def committed() -> None:
            self.free(freed)
            if self._should_flush:
                with suppress(OSError):  # the transaction is committed, and the space stays in use
                    self._database.sync()
                    self.flush()

        if freed:
            txn.on_commit(committed)

    def free(self, freed: Iterable[Freed]) -> None:
        """Free space that a committed transaction made unreferenced, when that is durable."""
        for place in freed:
            self._freed.append(place)
            self._freed_bytes += place.size

    @property
    def has_freed(self) -> bool:
        """True if there is freed space that can be given back after a sync."""
        return bool(self._freed) and not self._frozen and not self._disabled

    @property
    def _should_flush(self) -> bool:
        """True if a sync is worth what can be given back after it."""
        if not self.has_freed:
            return False
        return len(self._freed) >= _FLUSH_PLACES or self._freed_bytes >= _FLUSH_BYTES or self._is_scarce()

    def _is_scarce(self) -> bool:
        return self._files.free_bytes() < _SCARCE_BYTES

    def flush(self, *, idle: bool = False) -> None:
        """Give back some of the freed space. All changes so far are durable.

        Args:
            idle: There is nothing better to do.
        """
        for _ in range(min(_REMOVED_AT_ONCE, len(self._freed)) if self.has_freed else 0):
            data, base, size = self._freed.popleft()
            self._freed_bytes -= size
            if is_shared(data):
                self._segments.free(data, base)
            else:
                self._files.remove(data)
        self._segments.punch_holes(small_ones=idle or self._is_scarce())

    def recover(self, *, purge: bool) -> None:
        """Read from the rows which space is in use; if one is damaged, nothing is ever freed.

        Args:
            purge: Remove the data files that a crash left behind.
        """
        referenced: set[int] = set()
        try:
            for extent in self._extents():
                referenced.add(extent.data)
                if is_shared(extent.data):
                    self._segments.recover(extent.data, extent.base, extent.end)
        except IntegrityError:  # reading the row reports it; the space that it refers to is not known
            self._disabled = True
            return
        if purge:
            for data in self._files.list() - referenced:
                self._files.remove(data)

    def _extents(self) -> Iterator[Extent]:
        start = b""
        while True:
            found = self._database.items(b"E", start, _ROWS_AT_ONCE)
            for _key, value in found:
                yield decode_extent(value)
            if len(found) < _ROWS_AT_ONCE:
                return
            start = found[-1][0] + b"\0"
