"""LMDB environments: opened once per process, and read-only after a failed commit.

- A forked child cannot use what its parent opened; it opens its own.
- Commits are synced. No read transaction outlives a request: pages freed since it began cannot be used again.
- An LMDB commit after a failed fdatasync *succeeds*. After any failed commit the environment is poisoned: this process
  writes to it no more.
- `data.mdb` is mapped, and a read past its end kills the process. Its size is compared with its headers before it is
  opened, and made to fit them after each commit.
- Where the address space is limited the map grows with the file; where the file cannot be written it is read under a
  lock of its own (`artfs.kv.transaction_gate`).
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, ClassVar, Final

import lmdb

from artfs.access import owner_and_rights
from artfs.closing import Closing
from artfs.errors import ReadOnlyStoreError, StoreError
from artfs.files.ballast import allocate_file
from artfs.files.rights import rights_of_owner
from artfs.files.store_files import hand_over, open_directory, open_file_at, remove_file
from artfs.kv.errors import DatabaseErrors, LmdbError, error_number
from artfs.kv.fork_safety import allow_open_in_children, keep_open_in_children
from artfs.kv.map_size import LEAST_ROOM, WHOLE, has_addresses, is_limited, map_size
from artfs.kv.mdb_file import check_data_file, hold_off_commits, let_commits_go_on, sized_commit
from artfs.kv.transaction_gate import TransactionGate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from artfs.kv.checked_rows import Txn

__all__ = ["Environment"]

_PROBE: Final = 1 << 20
_WAIT_SECONDS: Final = 10.0
_BEFORE_FORK: Final = "the store was opened before a fork: open it again in this process"


class Environment(Closing):
    """An open environment. A subclass names its errors and says how it is shared.

    Args:
        path: Its directory.
        create: Make `data.mdb` if it is missing or empty.
        readonly: Begin only read transactions.

    Attributes:
        path: Its directory.
        poisoned: Reason why this process must not write any more; None while it may.
        unwritable: Why it cannot be written at all: a read-only file system, another user's; None if it can.

    Raises:
        LmdbError: LMDB refused it.
        IntegrityError: It is cut off, or no LMDB file.
        OSError: The system refused.
    """

    errors: ClassVar[DatabaseErrors]
    single_writer: ClassVar[bool]
    """Only one process ever writes to it."""
    max_readers: ClassVar[int] = 126
    spare_transactions: ClassVar[int] = 2

    def __init__(self, path: Path, *, create: bool = False, readonly: bool = False) -> None:
        self.path = path
        self.poisoned: str | None = None
        self.unwritable: str | None = None if create else _why_unwritable(path)
        self._readonly = readonly or self.unwritable is not None
        self._pid = os.getpid()
        allow_open_in_children()
        with ExitStack() as undo:
            self._directory = open_directory(path)
            undo.callback(os.close, self._directory)
            # LMDB's locks are fcntl locks on lock.mdb: to open and close data.mdb here drops none of them.
            flags = (os.O_RDONLY if self._readonly else os.O_RDWR) | (os.O_CREAT if create else 0)
            self._data = _open_data(path, self._directory, flags)
            undo.callback(os.close, self._data)
            self._inode = os.fstat(self._data).st_ino
            if not create or os.fstat(self._data).st_size:
                check_data_file(self._directory, self._data, self.errors)
            self._map_size = map_size(os.fstat(self._data).st_size) if is_limited() else WHOLE
            self._gate = self._make_gate()
            self._lmdb = self._open()
            undo.callback(self._lmdb.close)
            self._lmdb.reader_check()
            undo.pop_all()

    def _make_gate(self) -> TransactionGate | None:
        """Make what counts transactions, where something depends on there being none."""
        if self.unwritable is not None:
            return TransactionGate(
                lambda: hold_off_commits(self._directory), lambda: let_commits_go_on(self._directory)
            )
        return TransactionGate(lambda: None, lambda: None) if self._map_size < WHOLE else None

    def _open(self) -> lmdb.Environment:
        if self.unwritable is None:
            if os.geteuid() == 0:
                hand_over(self._data, os.fstat(self._directory))
            _make_lock_file(self._directory)
        with rights_of_owner(self._directory) as foreign:
            environment = lmdb.open(
                f"/proc/self/fd/{self._directory}" if foreign else os.fspath(self.path),
                map_size=self._map_size,
                max_readers=self.max_readers,
                max_spare_txns=self.spare_transactions,
                create=False,
                readonly=self._readonly,
                lock=self.unwritable is None,
            )
        keep_open_in_children(environment)
        return environment

    def close(self) -> None:
        """Close it, once no transaction is open; harmless when it is closed, or in a forked child."""
        if self._directory >= 0 and self._pid == os.getpid():
            self._lmdb.close()
            os.close(self._data)
            os.close(self._directory)
            self._directory = self._data = -1

    @property
    def page_size(self) -> int:
        """Bytes of a page of `data.mdb`."""
        return int(self._lmdb.stat()["psize"])

    def begin_read(self) -> Txn:
        """Begin a read transaction (0.3 us); its caller aborts it before the request is over.

        Raises:
            StoreError: Opened before a fork, or closed.
        """
        if self._pid != os.getpid():
            raise StoreError(_BEFORE_FORK)
        try:
            return self._lmdb.begin() if self._gate is None else self._begin_counted(self._gate, write=False)
        except (LmdbError, OSError) as error:
            raise self._failure(error, f"reading {self.errors.name}") from error

    def begin_write(self) -> Txn:
        """Wait for the write lock and begin a write transaction; its caller commits or aborts it.

        Raises:
            ReadOnlyStoreError: A commit or fsync failed earlier, or it cannot be written at all.
            StoreError: Opened before a fork, or closed.
        """
        if self._pid != os.getpid():
            raise StoreError(_BEFORE_FORK)
        if self.unwritable is not None:
            raise ReadOnlyStoreError(f"{self.unwritable}: commands that only look work on this store")
        self._check_not_poisoned()
        try:
            txn = self._lmdb.begin(write=True) if self._gate is None else self._begin_counted(self._gate, write=True)
        except (LmdbError, OSError) as error:
            raise self._failure(error, f"beginning to change {self.errors.name}") from error
        try:
            self._check_not_poisoned()  # a thread that had the lock before may have failed
        except ReadOnlyStoreError:
            txn.abort()
            raise
        return txn

    def _begin_counted(self, gate: TransactionGate, *, write: bool) -> Txn:
        """Begin a transaction in an environment that counts them; first map more if it may need that."""
        size = os.fstat(self._data).st_size
        room = self._map_size - size
        if room < 0:  # another process has made the file longer
            self._map_more(gate, size, _WAIT_SECONDS)
        elif write and room < LEAST_ROOM:
            with suppress(OSError):  # it may well be enough
                self._map_more(gate, size, 0 if room > LEAST_ROOM // 2 else _WAIT_SECONDS)
        try:
            return gate.begin(lambda: self._lmdb.begin(write=write))
        except lmdb.MapResizedError:
            self._map_more(gate, os.fstat(self._data).st_size, _WAIT_SECONDS)
            return gate.begin(lambda: self._lmdb.begin(write=write))

    def _map_more(self, gate: TransactionGate, size: int, seconds: float) -> None:
        """Map the file with room to grow.

        Raises:
            OSError: There are no addresses for it, or transactions of this process stay open.
        """
        with gate.alone(seconds):
            wanted = map_size(size)
            if wanted <= self._map_size:  # another thread did it
                return
            if not has_addresses(wanted - self._map_size):
                raise OSError(errno.ENOMEM, "the limit of the address space (`ulimit -v`) leaves no room")
            self._lmdb.set_mapsize(wanted)
            self._map_size = wanted

    def commit(self, txn: Txn) -> None:
        """Commit, synced. After a failure nothing is visible, and the environment is poisoned.

        Raises:
            ArtfsError | OSError: It failed; the class is the subclass's choice.
        """
        try:
            with sized_commit(self._directory, self._data, self.errors, single_writer=self.single_writer):
                self._lmdb.reader_check()  # clears readers whose processes were killed: they keep pages from reuse
                txn.commit()
        except (LmdbError, OSError) as error:
            failure = self._failure(self._commit_error(error), f"committing to {self.errors.name}")
            self.poison(str(failure))
            self._reopen_for_reading()
            raise failure from error

    def _commit_error(self, error: LmdbError | OSError) -> LmdbError | OSError:
        """Return the true cause: LMDB reports a short write as EIO, also if the disk is full."""
        if error_number(error) == errno.EIO:
            probe = self.path / "room"
            try:
                allocate_file(probe, _PROBE)
            except OSError as refused:
                return refused
            finally:
                with suppress(OSError):
                    remove_file(probe)
        return error

    def _reopen_for_reading(self) -> None:
        """Reopen the environment if LMDB refuses even to read, as after a header was not written."""
        try:
            self._lmdb.begin().abort()
        except lmdb.PanicError:
            self._lmdb.close()
            with suppress(LmdbError):  # then each reader gets the error
                self._lmdb = self._open()
        except LmdbError:
            return  # likewise

    def poison(self, reason: str) -> None:
        """Refuse all writing from now on: what the disk holds is not known any more."""
        self.poisoned = self.poisoned or reason

    def _check_not_poisoned(self) -> None:
        if self.poisoned is not None:
            raise ReadOnlyStoreError(
                f"the store is read-only in this process after a failure ({self.poisoned}): start it again"
            )

    def _failure(self, error: LmdbError | OSError, doing: str) -> Exception:
        """Translate an error of LMDB or the system."""
        return self.errors.artfs_error(error, doing)

    @contextmanager
    def read(self) -> Iterator[Txn]:
        """Run a block in a read transaction."""
        txn = self.begin_read()
        try:
            yield txn
        except LmdbError as error:
            raise self._failure(error, f"reading {self.errors.name}") from error
        finally:
            txn.abort()

    def snapshot_id(self) -> int:
        """Return the number of the last commit, by any process.

        Raises:
            StoreError: Opened before a fork, or closed.
        """
        txn = self.begin_read()
        number = txn.id()
        txn.abort()
        return number


def _open_data(path: Path, directory: int, flags: int) -> int:
    try:
        return open_file_at(directory, "data.mdb", flags)
    except PermissionError as error:
        raise PermissionError(error.errno, error.strerror, os.fspath(path / "data.mdb")) from error


def _make_lock_file(directory: int) -> None:
    """Make the file with LMDB's locks, as all files of a store are made. LMDB itself would follow a symlink."""
    try:
        os.close(open_file_at(directory, "lock.mdb", os.O_RDWR | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        # Not opened: to close a descriptor of it would drop the locks that LMDB has in this process.
        lock = os.stat("lock.mdb", dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(lock.st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), "lock.mdb") from None
        owner = os.fstat(directory).st_uid
        if os.geteuid() == 0 and lock.st_uid != owner:  # the owner could not open it, whose rights LMDB has for that
            os.chown("lock.mdb", owner, -1, dir_fd=directory, follow_symlinks=False)


def _why_unwritable(path: Path) -> str | None:
    """Return why an environment cannot be written; None if it can, or if files are missing."""
    # access(2) alone: to close a descriptor of lock.mdb would drop the locks that LMDB has in this process.
    lock = path / "lock.mdb"
    for place in (path / "data.mdb", lock if lock.exists() else path):
        if place.exists() and not os.access(place, os.W_OK, effective_ids=True):
            if os.statvfs(path).f_flag & os.ST_RDONLY:
                return f"{place} cannot be written ({os.strerror(errno.EROFS)})"
            return f"{place} cannot be written ({os.strerror(errno.EACCES)}; it {owner_and_rights(place.stat())})"
    return None
