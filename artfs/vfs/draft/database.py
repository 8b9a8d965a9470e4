"""The rows of a draft, as the process that serves it has them: LMDB for what is long known, a redo log for the rest.

One write transaction stays open. A change goes into the log first, by a plain write, so it survives this process the
moment it is acknowledged; then into the transaction. A checkpoint commits the transaction, synced, and begins a log:

1. the log of the next epoch is made;
2. the transaction is committed, and with it the number of that epoch;
3. the old log is removed.

Whatever comes between, the epoch in the rows says which log belongs to them: the others are removed when the draft is
opened. A commit that fails loses nothing: the log has it all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self

import lmdb

from artfs.errors import IntegrityError, StorageError
from artfs.vfs.draft.redo import RedoLog, logs
from artfs.vfs.draft.table import Table, Txn, seal

__all__ = ["MAP_SIZE", "DraftDatabase", "open_rows"]

MAP_SIZE: Final = 1 << 40
_EPOCH: Final = b"\0epoch"
_NEARLY_FULL: Final = 1 << 20


def open_rows(directory: Path, *, create: bool = False, readonly: bool = False) -> lmdb.Environment:
    """Open the LMDB environment of a draft.

    Raises:
        IntegrityError: It is missing or damaged.
        StorageError: The system refused.
    """
    path = directory / "rows"
    try:
        if create:
            path.mkdir(mode=0o700)
        elif not (path / "data.mdb").exists():
            raise IntegrityError(f"the rows of the draft {directory.name} are missing: discard it")
        return lmdb.open(
            os.fspath(path), map_size=MAP_SIZE, mode=0o600, create=create, readonly=readonly, max_spare_txns=2
        )
    except OSError as error:
        raise StorageError.of(error, f"opening the draft {directory.name}") from error
    except lmdb.Error as error:
        raise IntegrityError(f"the rows of the draft {directory.name} are damaged: {error}") from error


class DraftDatabase:
    """The rows of one draft, open for changing. Use it from one thread of one process.

    As `Rows`, it shows what was applied, committed or not.
    """

    def __init__(self, directory: Path, environment: lmdb.Environment) -> None:
        self._directory = directory
        self._lmdb = environment
        self._poisoned = False
        self._txn = self._begin()
        self._epoch = int.from_bytes(self._table.get(_EPOCH) or b"")
        self._log = RedoLog.open(directory, self._epoch)
        self._replay()
        for path in logs(directory):
            if path != self._log.path:
                path.unlink(missing_ok=True)

    @classmethod
    def create(cls, directory: Path, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Make the database of a new draft; it is durable when this returns.

        Args:
            directory: The draft's, which exists.
            rows: What it begins with.

        Raises:
            StorageError: The disk said no.
        """
        environment = open_rows(directory, create=True)
        try:
            with environment.begin(write=True) as txn:
                for key, value in (*rows, (_EPOCH, (1).to_bytes(8))):
                    txn.put(key, seal(key, value))
        except lmdb.Error as error:
            raise StorageError(f"making the draft {directory.name}: {error}") from error
        finally:
            environment.close()

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open the database of a draft.

        Raises:
            IntegrityError: It is damaged.
            OSError: The system refused.
        """
        environment = open_rows(directory)
        try:
            return cls(directory, environment)
        except BaseException:
            environment.close()
            raise

    def _begin(self) -> Txn:
        txn: Txn = self._lmdb.begin(write=True)
        self._table = Table(txn)
        self.get = self._table.get
        self.items = self._table.items
        self.floor = self._table.floor
        return txn

    def _replay(self) -> None:
        for changes in self._log.replay():
            self._put(changes)

    def _put(self, changes: Sequence[tuple[bytes, bytes | None]]) -> None:
        put, delete = self._txn.put, self._txn.delete
        for key, value in changes:
            if value is None:
                delete(key)
            else:
                put(key, seal(key, value))

    def apply(self, changes: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Make changes: all of them, or none.

        Args:
            changes: Keys and their values; None removes a row, which need not be there.

        Raises:
            OSError: The disk said no (EROFS: it did so earlier, in a way that leaves no trust); nothing has changed.
        """
        if self._poisoned:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        before = self._log.end
        self._log.append(changes)
        try:
            self._put(changes)
        except lmdb.Error as error:  # a transaction too large for memory is written out as it grows
            self._log.cut(before)
            self._recover()
            raise self._failure(error) from error

    @property
    def logged(self) -> int:
        """Bytes in the current log."""
        return self._log.end

    def sync(self) -> None:
        """Make all changes so far survive the machine.

        Raises:
            OSError: It could not be done; from now on nothing can be changed.
        """
        if self._poisoned:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        try:
            self._log.sync()
        except OSError:
            self._poisoned = True
            raise

    def checkpoint(self) -> None:
        """Commit, and begin a new log; snapshots that are opened from now on show all changes so far.

        Raises:
            OSError: The disk said no. All is as it was, but for EIO: then nothing can be changed any more.
        """
        if self._poisoned:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        following = RedoLog.create(self._directory, self._epoch + 1)
        try:
            self._txn.put(_EPOCH, seal(_EPOCH, (self._epoch + 1).to_bytes(8)))
            self._txn.commit()
        except lmdb.Error as error:
            following.discard()
            self._recover()
            raise self._failure(error) from error
        self._log.discard()
        self._log = following
        self._epoch += 1
        self._txn = self._begin()

    def _recover(self) -> None:
        """Begin the transaction anew and replay the log, which has all that was acknowledged."""
        self._txn.abort()
        self._txn = self._begin()
        self._replay()

    def _failure(self, error: lmdb.Error) -> OSError:
        """What went wrong with LMDB; a short write it reports as EIO, which misleads when the disk is full."""
        free = os.statvfs(self._directory)
        if free.f_bavail * free.f_frsize < _NEARLY_FULL:
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._poisoned = True
        return OSError(errno.EIO, f"{os.strerror(errno.EIO)}: {error}")

    def close(self) -> None:
        """Checkpoint if that can be done, and close; without one the log keeps all."""
        try:
            if not self._log.is_empty and not self._poisoned:
                self.checkpoint()
        except OSError:
            pass
        finally:
            self._txn.abort()
            self._lmdb.close()
            self._log.close()
