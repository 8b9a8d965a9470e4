"""Database of a draft's rows: LMDB as of the last checkpoint, and a redo log since.

One process writes, and keeps one write transaction open. A change is written to the log first, by a plain write, so
that it survives the process when it is acknowledged; then to the transaction. A checkpoint

1. begins the log of the next epoch;
2. syncs the names of data files, which rows refer to;
3. commits the transaction, synced, and with it the number of that epoch;
4. removes the old log.

- The epoch in the rows says which log belongs to them, whatever comes in between.
- A commit that fails loses nothing: the log has all changes.
- Other processes read snapshots, which have the rows as of the last checkpoint.
- A log that is damaged in its middle is kept beside, and what is sound behind the damage is replayed. The rows say so
  (`META_DAMAGE`), and need `artfs.drafts.salvage` before they are used.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final, Self

from artfs.closing import Closing
from artfs.drafts.db.redo_log import RedoLog, damaged_log_path, logs
from artfs.drafts.db.redo_records import LogDamage, LogPosition
from artfs.drafts.db.schema import (
    META_DAMAGE,
    ROWS_ERRORS,
    DraftDamage,
    damaged_rows,
    decode_damage,
    encode_row,
)
from artfs.errors import IntegrityError
from artfs.files import sync_directory
from artfs.files.store_files import link, make_directory, remove_file
from artfs.kv.checked_rows import CheckedRows
from artfs.kv.environment import Environment
from artfs.kv.errors import LmdbError

__all__ = ["EPOCH_KEY", "DraftDatabase", "DraftSnapshot", "RowsEnvironment"]

EPOCH_KEY: Final = b"\0epoch"
"""Key of the epoch, the number of the log that belongs to the rows. No table begins with this byte."""

_REPEATABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EINVAL})
"""Errors of a full disk. After any other error it is not known what the disk holds."""


class RowsEnvironment(Environment):
    """LMDB environment of a draft's rows; `create` and `open` make one."""

    errors: ClassVar = ROWS_ERRORS
    single_writer: ClassVar = True

    @classmethod
    def create(cls, draft: Path) -> Self:
        """Create the environment of a new draft.

        Raises:
            OSError: The system refused.
        """
        path = draft / "rows"
        make_directory(path)
        return cls._opened(path, create=True)

    @classmethod
    def open(cls, draft: Path, *, readonly: bool = False) -> Self:
        """Open the environment of a draft.

        Raises:
            IntegrityError: It is missing or damaged.
            OSError: The system refused.
        """
        return cls._opened(draft / "rows", readonly=readonly)

    @classmethod
    def _opened(cls, path: Path, *, create: bool = False, readonly: bool = False) -> Self:
        try:
            return cls(path, create=create, readonly=readonly)
        except FileNotFoundError as error:
            raise IntegrityError(f"the rows of a draft are missing ({error.filename}): discard it") from error
        except LmdbError as error:
            raise ROWS_ERRORS.system_error(error) from error

    def _failure(self, error: LmdbError | OSError, doing: str) -> Exception:  # noqa: ARG002 # callers name the draft
        """Translate an error to the system's, which requests answer with."""
        return ROWS_ERRORS.system_error(error)

    def sync_names(self) -> None:
        """Make the names of its files durable, and its own."""
        sync_directory(self.path)
        sync_directory(self.path.parent)


class DraftDatabase(Closing):
    """Rows of one draft, open for writing by one thread of one process; `open` makes one.

    It reads what was applied, committed or not. `get`, `items` and `floor` are those of `CheckedRows`.

    Attributes:
        poisoned: The disk failed so that it is not known what it holds: nothing can be changed any more. What was
            changed is in the log for the next process.
        dropped: Bytes behind the last sound record of the log when it was opened: what a power cut leaves of what was
            never synced, or damage that nothing sound follows.
        header_damaged: The header of the log was damaged when it was opened, which loses nothing.
    """

    def __init__(self, directory: Path, environment: RowsEnvironment, sync_names: Callable[[], None]) -> None:
        self.poisoned = False
        self.header_damaged = False
        self._sync_names = sync_names
        self._last_attempt = 0
        self._directory = directory
        self._environment = environment
        self._table = CheckedRows(environment.begin_write(), ROWS_ERRORS)
        self.get = self._table.get
        self.items = self._table.items
        self.floor = self._table.floor
        self._epoch = self._stored_epoch()
        self._log = RedoLog(directory, self._epoch)
        self._replay()
        self.dropped = self._log.dropped
        for path in logs(directory):
            if path != self._log.path:
                with suppress(FileNotFoundError):
                    remove_file(path)
        # An earlier process may have failed to sync what is in the log, and then no later sync would write it.
        with suppress(OSError):
            self.checkpoint()

    @classmethod
    def create(cls, directory: Path, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Create the database of a new draft; it is durable when this returns.

        Args:
            directory: The draft's, which exists.
            rows: Its first rows.

        Raises:
            OSError: The system refused.
        """
        environment = RowsEnvironment.create(directory)
        try:
            txn = environment.begin_write()
            try:
                CheckedRows(txn, ROWS_ERRORS).change([*rows, (EPOCH_KEY, _encode_epoch(1))])
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
            sync_names: Syncs the names of the data files: no row that refers to one may be durable before its name. An
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
        for found in self._log.replay():
            if not isinstance(found, LogDamage):
                self._table.change(found)
            elif found.start:
                self._keep_damaged_log()
                before = self.damage() or DraftDamage()
                after = DraftDamage((*before.lost, (self._epoch, *found)))
                self._table.change([(META_DAMAGE, encode_row(after))])
            else:
                self.header_damaged = True

    def _keep_damaged_log(self) -> None:
        """Give the log another name, under which it stays when a checkpoint removes the log."""
        with suppress(FileExistsError):
            link(self._log.path, damaged_log_path(self._directory, self._epoch))
            sync_directory(self._directory)

    def damage(self) -> DraftDamage | None:
        """What of the draft's logs was damaged, and is in no version that a commit accepted it for; None: nothing.

        Raises:
            IntegrityError: The row is malformed.
            OSError: The system refused.
        """
        value = self.get(META_DAMAGE)
        return None if value is None else decode_damage(value)

    def _check_not_poisoned(self) -> None:
        if self.poisoned:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def apply(self, changes: Sequence[tuple[bytes, bytes | None]], *, releases_space: bool = False) -> None:
        """Apply changes: all of them, or none.

        Args:
            changes: Keys and their values; None removes a row, which need not exist.
            releases_space: They free space, and so succeed on a full disk.

        Raises:
            OSError: The disk said no (EROFS: the database is poisoned); nothing has changed.
        """
        if self.poisoned:
            self._check_not_poisoned()
        log = self._log
        before = log.position
        log.append(changes, releases_space=releases_space)
        try:
            self._table.change(changes)
        except BaseException as error:
            self._roll_back(before)
            self._poison_after(error)
            raise

    def _roll_back(self, position: LogPosition) -> None:
        try:
            self._log.truncate_to(position)
        except OSError:
            self.poisoned = True
        else:
            self._reopen_and_replay()

    @property
    def logged(self) -> int:
        """Bytes of the log since the last checkpoint or attempt: one that fails takes time too."""
        return self._log.end - self._last_attempt

    def sync(self) -> None:
        """Make all changes so far durable.

        Raises:
            OSError: It failed; the database is poisoned.
        """
        self._check_not_poisoned()
        try:
            self._sync_names()
            self._log.sync()
        except OSError:
            self.poisoned = True
            raise

    def checkpoint(self) -> None:
        """Commit, and begin a new log; snapshots opened from now on have all changes so far.

        Raises:
            OSError: The disk said no. Nothing is lost. If it was full this can be repeated; otherwise the database is
                poisoned.
        """
        self._check_not_poisoned()
        if self._log.is_empty:
            return
        following = RedoLog(self._directory, self._epoch + 1, begin=True)
        try:
            self._sync_names()
            self._table.change([(EPOCH_KEY, _encode_epoch(self._epoch + 1))])
            self._environment.commit(self._table.txn)
        except BaseException as error:
            following.discard()
            self._last_attempt = self._log.end
            self._reopen_and_replay()
            self._poison_after(error)
            raise
        self._log, old = following, self._log
        self._epoch += 1
        self._last_attempt = 0
        old.discard()
        try:
            self._table.txn = self._environment.begin_write()
        except BaseException:
            self.poisoned = True
            raise

    def _reopen_and_replay(self) -> None:
        """Abort the transaction, and replay the log, which has all acknowledged changes.

        The environment is opened again too: after some failures LMDB refuses all work.
        """
        try:
            self._table.txn.abort()
            self._environment.close()
            self._environment = RowsEnvironment.open(self._directory)
            self._table.txn = self._environment.begin_write()
            if self._stored_epoch() == self._epoch:
                self._replay()
            else:  # it was committed after all, and the log does not belong to these rows any more
                self.poisoned = True
        except (OSError, IntegrityError):
            self._table.txn.abort()  # it lacks changes
            self.poisoned = True

    def _poison_after(self, error: BaseException) -> None:
        if isinstance(error, IntegrityError) or (isinstance(error, OSError) and error.errno not in _REPEATABLE):
            self.poisoned = True

    def close(self) -> None:
        """Checkpoint if possible, and close; without a checkpoint the log has all changes."""
        try:
            with suppress(OSError):
                self.checkpoint()
        finally:
            self._table.txn.abort()
            self._environment.close()
            self._log.close()


class DraftSnapshot(Closing):
    """Rows as of the last checkpoint, for another process than the writer; `open` makes one.

    Later checkpoints do not show. `get`, `items` and `floor` are those of `CheckedRows`. Close it soon: it keeps LMDB
    from using old pages again.
    """

    def __init__(self, environment: RowsEnvironment) -> None:
        self._environment = environment
        self._table = CheckedRows(environment.begin_read(), ROWS_ERRORS)
        self.get = self._table.get
        self.items = self._table.items
        self.floor = self._table.floor

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a snapshot of a draft.

        Raises:
            IntegrityError: Its rows are missing or damaged.
            OSError: The system refused.
        """
        environment = RowsEnvironment.open(directory, readonly=True)
        try:
            return cls(environment)
        except BaseException:
            environment.close()
            raise

    def close(self) -> None:
        """Close it."""
        self._table.txn.abort()
        self._environment.close()


def _encode_epoch(epoch: int) -> bytes:
    return epoch.to_bytes(8, "little")
