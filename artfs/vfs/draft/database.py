"""The rows of a draft, as the process that serves it has them: LMDB for what is long known, a redo log for the rest.

One write transaction stays open. A change goes into the log first, by a plain write, so it survives this process the
moment it is acknowledged; then into the transaction. A checkpoint

1. makes the log of the next epoch;
2. has the names of data files synced, of which rows speak;
3. commits the transaction, synced, and with it the number of that epoch;
4. removes the old log.

Whatever comes between, the epoch in the rows says which log belongs to them. A commit that fails loses nothing: the
log has it all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from artfs.errors import IntegrityError
from artfs.vfs.draft.environment import RowsEnvironment
from artfs.vfs.draft.faults import damaged_rows
from artfs.vfs.draft.redo import Mark, RedoLog, logs
from artfs.vfs.draft.table import Table

__all__ = ["EPOCH_KEY", "DraftDatabase"]

EPOCH_KEY: Final = b"\0epoch"
"""Of the number of the log that belongs to the rows. No table of rows begins with this byte."""

# What the disk says when it is full. The rest leaves no trust in what it holds.
_HARMLESS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EINVAL})


class DraftDatabase:
    """The rows of one draft, open for changing. Use it from one thread of one process; `open` makes one.

    As `Rows`, it shows what was applied, committed or not. `get`, `items` and `floor` are those of `Table`.

    Attributes:
        poisoned: Whether the disk failed in a way that leaves no trust: nothing can be changed any more, and what was
            is in the log for the next process.
        dropped: Bytes behind the last whole record of the log when it was opened. More than a power cut leaves of
            what was never synced means damage.
    """

    def __init__(self, directory: Path, environment: RowsEnvironment, sync_names: Callable[[], None]) -> None:
        self.poisoned = False
        self._sync_names = sync_names
        self._tried = 0
        self._directory = directory
        self._environment = environment
        self._table = Table(environment.begin(write=True))
        self.get = self._table.get
        self.items = self._table.items
        self.floor = self._table.floor
        self._epoch = self._stored_epoch()
        self._log = RedoLog(directory, self._epoch)
        self._replay()
        self.dropped = self._log.dropped
        for path in logs(directory):
            if path != self._log.path:
                path.unlink(missing_ok=True)
        # What an earlier process left in the log may be on no disk, though its sync is long over: it may have failed.
        with suppress(OSError):
            self.checkpoint()

    @classmethod
    def create(cls, directory: Path, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Make the database of a new draft; it is durable when this returns.

        Args:
            directory: The draft's, which exists.
            rows: What it begins with.

        Raises:
            OSError: The system refused.
        """
        environment = RowsEnvironment.create(directory)
        try:
            txn = environment.begin(write=True)
            try:
                Table(txn).change([*rows, (EPOCH_KEY, _encode_epoch(1))])
                environment.commit(txn)
            finally:
                txn.abort()
            environment.sync_names()
        finally:
            environment.close()

    @classmethod
    def open(cls, directory: Path, sync_names: Callable[[], None] = lambda: None) -> Self:
        """Open the database of a draft, as the last process left it.

        Args:
            directory: The draft's.
            sync_names: Syncs the names of the data files that rows speak of: no row may be on the disk before them. An
                OSError from it counts as one of the log's or the rows' own sync.

        Raises:
            IntegrityError: It is missing or damaged.
            StoreFormatError: A newer artfs made it.
            OSError: The system refused.
        """
        environment = RowsEnvironment.open(directory)
        try:
            return cls(directory, environment, sync_names)
        except BaseException:
            environment.close()
            raise

    def _stored_epoch(self) -> int:
        epoch = self._table.get(EPOCH_KEY)
        if epoch is None:
            raise damaged_rows("no epoch")
        return int.from_bytes(epoch, "little")

    def _replay(self) -> None:
        for changes in self._log.replay():
            self._table.change(changes)

    def _require_sound(self) -> None:
        if self.poisoned:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def apply(self, changes: Sequence[tuple[bytes, bytes | None]], *, frees: bool = False) -> None:
        """Make changes: all of them, or none.

        Args:
            changes: Keys and their values; None removes a row, which need not be there.
            frees: They give back room, and so succeed on a full disk.

        Raises:
            OSError: The disk said no (EROFS: it did so earlier, in a way that leaves no trust); nothing has changed.
        """
        if self.poisoned:
            self._require_sound()
        log = self._log
        before = log.mark
        log.append(changes, frees=frees)
        try:
            self._table.change(changes)
        except BaseException as error:
            self._take_back(before)
            self._poison_after(error)
            raise

    def _take_back(self, mark: Mark) -> None:
        try:
            self._log.cut(mark)
        except OSError:
            self.poisoned = True
        else:
            self._begin_anew()

    @property
    def logged(self) -> int:
        """Bytes that came into the log since the last checkpoint, or the last try: one that fails takes time too."""
        return self._log.end - self._tried

    def sync(self) -> None:
        """Make all changes so far survive the machine.

        Raises:
            OSError: It could not be done; from now on nothing can be changed.
        """
        self._require_sound()
        try:
            self._sync_names()
            self._log.sync()
        except OSError:
            self.poisoned = True
            raise

    def checkpoint(self) -> None:
        """Commit, and begin a new log; snapshots that are opened from now on show all changes so far.

        Raises:
            OSError: The disk said no. Nothing is lost, and if it was full this can be repeated; after another failure
                nothing can be changed any more.
        """
        self._require_sound()
        if self._log.is_empty:
            return
        following = RedoLog(self._directory, self._epoch + 1, begin=True)
        try:
            self._sync_names()
            self._table.change([(EPOCH_KEY, _encode_epoch(self._epoch + 1))])
            self._environment.commit(self._table.txn)
        except BaseException as error:
            following.discard()
            self._tried = self._log.end
            self._begin_anew()
            self._poison_after(error)
            raise
        self._log, old = following, self._log
        self._epoch += 1
        self._tried = 0
        old.discard()
        try:
            self._table.txn = self._environment.begin(write=True)
        except BaseException:
            self.poisoned = True
            raise

    def _begin_anew(self) -> None:
        """Undo the transaction, and replay the log, which has all that was acknowledged.

        The environment is opened anew too: after some failures LMDB refuses to work on.
        """
        try:
            self._table.txn.abort()
            self._environment.close()
            self._environment = RowsEnvironment.open(self._directory)
            self._table.txn = self._environment.begin(write=True)
            if self._stored_epoch() == self._epoch:
                self._replay()
            else:  # it was committed after all, and the log is not of these rows any more
                self.poisoned = True
        except (OSError, IntegrityError):
            self._table.txn.abort()  # what would be read is not all
            self.poisoned = True

    def _poison_after(self, error: BaseException) -> None:
        if isinstance(error, IntegrityError) or (isinstance(error, OSError) and error.errno not in _HARMLESS):
            self.poisoned = True

    def close(self) -> None:
        """Checkpoint if that can be done, and close; without one the log keeps all."""
        try:
            with suppress(OSError):
                self.checkpoint()
        finally:
            self._table.txn.abort()
            self._environment.close()
            self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _encode_epoch(epoch: int) -> bytes:
    return epoch.to_bytes(8, "little")
