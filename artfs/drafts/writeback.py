"""Writeback of written bytes: jobs for the storer, and its results put in the place of data files.

The life of a large file, from the copy into the draft to a read of its version:

    server: rows, DirtyFiles                       storer: PrestoredFiles
    ------------------------                       ----------------------
    write: bytes into a data file of 64 MiB
       `end` grows, the counter stays
    32 MiB after `sent`: `sent` = `end`
                          -- StoreJob(start..end, acked) ->  read, cut, hash, compress, into a pack in tmp/
                                                             PartialFile: `end` and `pieces` grow
    256 MiB stored, or no request for a while
                          -- Flush ---------------------->   pack synced and named
       `acked` = size     <- StoreResult(size) -----------   once 64 MiB or a quarter more is unacked: `acked` = `end`
       its extents and data files go, most of them before the disk has seen them
    last close            -- StoreJob(final) ------------>   cut to the end
       no extent is left  <- StoreResult(all) -----------
    commit: freeze        -- Commit --------------------->   content is known, so only the tree is made; published
    read                  row.content -> index -> pack -> verified bytes

The server keeps `end` and `sent` of a growing file in memory (`DirtyFile`) and `acked` in the row (`content.limit`):

- acked <= sent <= end. The storer may cut less than was sent, but at most `RECHUNK_MARGIN` less.
- gc may remove chunks after `acked` once the storer's session has ended; chunks before it are referenced by the row.
- A change other than an append gives the row another counter, which makes jobs and results of the old one void.
- When the storer dies, it forgets how far it was; when the server dies, both do. The commit then stores what is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from artfs.drafts.data.dirty_files import DirtyFile, DirtyFiles
from artfs.drafts.data.file_io import FileWriter, extents
from artfs.drafts.db.schema import Extent, StoredContent, u64_key
from artfs.drafts.namespace.transaction import Transactions
from artfs.drafts.storer_protocol import RECHUNK_MARGIN, StoreJob, StoreResult

__all__ = ["Writeback"]

_MAX_EXTENTS: Final = 64
"""Of a file in one job. A file with more that was not written from front to back is left to the commit."""


class Writeback:
    """Makes jobs for the storer, and applies its results to the rows.

    Args:
        transactions: Of the draft.
        files: The contents of its files.
        dirty: Files to be stored.
    """

    def __init__(self, transactions: Transactions, files: FileWriter, dirty: DirtyFiles) -> None:
        self._transactions = transactions
        self._database = transactions.database
        self._inodes = transactions.inodes
        self._files = files
        self.dirty = dirty

    def is_due(self) -> bool:
        """Return whether enough waits to be stored."""
        return self.dirty.is_due()

    def next_jobs(self, files: int = 128, size: int = 64 << 20) -> list[StoreJob]:
        """Jobs for the files that are due, at most so many and about so many bytes."""
        return [job for file in list(self.dirty.pop(files, size)) if (job := self._job(file)) is not None]

    def _job(self, file: DirtyFile) -> StoreJob | None:
        """The job for what is not sent of a file; None if its bytes are scattered."""
        sent, file.sent = file.sent, file.end
        row = self._inodes.get(file.ino)
        start = max(0, sent - RECHUNK_MARGIN)
        found = list(islice(extents(self._database, file.ino, start), _MAX_EXTENTS + 1))
        final = file.closed
        if len(found) > _MAX_EXTENTS:
            if not file.sequential:
                return None
            del found[_MAX_EXTENTS:]
            file.sent, final = found[-1].end, False
            if file.closed:
                self.dirty.put_back(file)
        runs = [(extent.start, Extent(extent.end, extent.data, extent.base)) for extent in found]
        acked = row.content.limit
        start = max(acked, found[0].start if found and start else 0)
        return StoreJob(file.ino, row.counter, file.sent, runs, final, start, acked)

    def apply_results(self, results: Iterable[StoreResult]) -> None:
        """Refer to what was stored, in files whose bytes did not change since they were read."""
        for result in results:
            if not self._inodes.has_row(result.ino):
                continue
            row = self._inodes.get(result.ino)
            if row.counter == result.counter and row.nlink and self._has_extents(result.ino):
                self._apply(result, row.size)

    def _apply(self, result: StoreResult, size: int) -> None:
        txn = self._transactions.begin(releases_space=True)
        content = StoredContent(result.digest, result.extra, result.size, result.size)
        if result.size == size:
            self._files.swap_to_stored(txn, result.ino, content)
        elif result.size < size:  # with the same counter it was only appended to
            self._files.swap_beginning_to_stored(txn, result.ino, content)
        txn.commit()
        if result.size == size:
            self.dirty.discard(result.ino)

    def enqueue(self, ino: int) -> None:
        """Queue a closed file, if data files have all its bytes or it was stored while it grew."""
        row = self._inodes.get(ino)
        whole = not row.content.limit or self.dirty.is_growing(ino)
        if row.size and whole and self._has_extents(ino):
            self.dirty.record_close(ino, row.size)

    def _has_extents(self, ino: int) -> bool:
        return bool(self._database.items(b"E" + u64_key(ino), limit=1))
