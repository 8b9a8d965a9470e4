"""Use of inodes: counts of lookups and open files, and removal of orphans after their last use.

An orphan is an inode without names. The counts are lost with the process that serves the draft; orphans have rows.
"""

from __future__ import annotations

import stat
from collections import Counter
from contextlib import suppress

from msgspec.structs import replace

from artfs.drafts.data.file_io import FileWriter
from artfs.drafts.db.schema import BASE, NO_CONTENT, orphan_key
from artfs.drafts.namespace.transaction import Transaction, Transactions
from artfs.drafts.writeback import Writeback

__all__ = ["InodeUse", "LookupCounts"]


class LookupCounts:
    """Counts of lookups and of open files, by inode.

    Args:
        first_unused: Inodes below it, and those of the base, may be in use, since another process served the draft
            before: they count as used until the kernel forgets them. None: no process did.
    """

    def __init__(self, first_unused: int | None = None) -> None:
        self._first_unused = first_unused
        self._lookups: dict[int, int] = {}
        self._open: Counter[int] = Counter()
        self._writers: Counter[int] = Counter()

    def remember(self, ino: int) -> None:
        """Count a lookup: the kernel gets the inode in an answer."""
        self._lookups[ino] = self._lookups.get(ino, 0) + 1

    def forget(self, ino: int, count: int) -> bool:
        """Take back as many lookups as the kernel forgot; return if the inode is unused now."""
        left = self._lookups.get(ino, 0) - count
        if left > 0:
            self._lookups[ino] = left
            return False
        self._lookups.pop(ino, None)
        return ino not in self._open

    def opened(self, ino: int, writing: bool) -> None:
        """Count an open file."""
        self._open[ino] += 1
        if writing:
            self._writers[ino] += 1

    def closed(self, ino: int, writing: bool) -> bool:
        """Take back an open file, also of an earlier process; return if it was the last writer."""
        _count_down(self._open, ino)
        if not writing:
            return False
        _count_down(self._writers, ino)
        return ino not in self._writers

    def is_used(self, ino: int) -> bool:
        """True if an inode is open, or the kernel may still ask for it."""
        if ino in self._lookups or ino in self._open:
            return True
        return self._first_unused is not None and not self._first_unused <= ino < BASE

    def is_written(self, ino: int) -> bool:
        """True if an inode is open for writing."""
        return ino in self._writers


def _count_down(counts: Counter[int], ino: int) -> None:
    if counts[ino] > 1:
        counts[ino] -= 1
    else:
        del counts[ino]


class InodeUse(LookupCounts):
    """Counts uses, queues files after their last writer, and removes orphans after their last use.

    Args:
        transactions: Of the draft.
        files: The contents of its files.
        writeback: Stores them.
        first_unused: As for `LookupCounts`.
    """

    def __init__(
        self, transactions: Transactions, files: FileWriter, writeback: Writeback, first_unused: int | None
    ) -> None:
        super().__init__(first_unused)
        self._transactions = transactions
        self._files = files
        self._writeback = writeback
        self._orphans = {int.from_bytes(key) for key, _nothing in transactions.database.items(b"X")}

    def purge(self) -> None:
        """Remove all orphans, which only processes of an earlier mount used; not on a full disk."""
        with suppress(OSError):
            for ino in list(self._orphans):
                self._remove_orphan(ino)

    def forget(self, ino: int, count: int) -> bool:
        """Take back as many lookups as the kernel forgot; return if the inode is unused now."""
        unused = super().forget(ino, count)
        if unused and ino in self._orphans:
            self._remove_orphan(ino)
        return unused

    def closed(self, ino: int, writing: bool) -> bool:
        """Take back an open file, also of an earlier process; return if it was the last writer."""
        was_last = super().closed(ino, writing)
        if ino not in self._orphans:
            if was_last:
                self._writeback.enqueue(ino)
        elif not self.is_used(ino):
            self._remove_orphan(ino)
        return was_last

    def open_for_writing(self) -> list[int]:
        """Files with names that are open for writing."""
        return [ino for ino in self._writers if ino not in self._orphans]

    def commit_unlink(self, txn: Transaction, ino: int) -> None:
        """Commit a transaction that unlinked an inode (0: none), which goes with its last name."""
        if not ino or txn.inode(ino).nlink:
            txn.commit()
            return
        self._writeback.dirty.discard(ino)
        if self.is_used(ino):
            txn.put(orphan_key(ino))
            txn.commit()
            self._orphans.add(ino)
        else:
            self._destroy(txn, ino)

    def _remove_orphan(self, ino: int) -> None:
        txn = self._transactions.begin(releases_space=True)
        txn.delete(orphan_key(ino))
        self._destroy(txn, ino)
        self._orphans.discard(ino)

    def _destroy(self, txn: Transaction, ino: int) -> None:
        """Remove an inode; one of the base keeps a row, or it would be as in the base again."""
        row = txn.inode(ino)
        if stat.S_ISREG(row.mode):
            self._files.free_data(txn, ino)
            self._files.refused.clear(txn, ino)
            self._writeback.dirty.discard(ino)
        if ino < BASE:
            txn.delete_inode(ino)
        else:
            txn.set_inode(ino, replace(row, size=0, content=NO_CONTENT, data=0))
        txn.commit()
