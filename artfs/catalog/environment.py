"""The LMDB environment: opened once per process, never carried over a fork, never trusted after a failed commit.

Rules that stand here because here they could be broken:

- `sync` stays on, and no read transaction outlives a request: pages freed since its beginning cannot be used again.
- An LMDB commit after a failed fdatasync *succeeds*. After any failed commit the environment is poisoned: no more
  writing in this process.
- The index can be made again beside a running process and put in its place. A writer then still has the old files
  open, and what it wrote there would be lost: every write first looks whether `data.mdb` is still the file that was
  opened.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import lmdb

from artfs.catalog.datafile import check_data_file, sized_commit
from artfs.catalog.deaths import expect_deaths
from artfs.catalog.faults import damaged_index, translate
from artfs.catalog.forking import leave_to_parent, tell_processes_apart
from artfs.errors import ArtfsError, ReadOnlyStoreError, StorageError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from artfs.catalog.tables import Txn

__all__ = ["Environment"]

_MAP_SIZE: Final = 1 << 40
_MAX_READERS: Final = 1024
_NEARLY_FULL: Final = 1 << 20


class Environment:
    """An open index. `Environment.open` makes one.

    Attributes:
        index: Its directory.
        poisoned: Why this process must not write any more; None while it may.
    """

    def __init__(self, index: Path, environment: lmdb.Environment, directory: int, data: int) -> None:
        self.index = index
        self.poisoned: str | None = None
        self._lmdb = environment
        self._directory = directory
        self._data = data
        self._inode = os.fstat(data).st_ino
        self._pid = os.getpid()

    @staticmethod
    def exists(index: Path) -> bool:
        """Whether the directory holds an index at all, sound or not."""
        try:
            return (index / "data.mdb").stat().st_size > 0
        except OSError:
            return False

    @classmethod
    def open(cls, index: Path, *, create: bool = False) -> Environment:
        """Open the index in a directory.

        Args:
            index: The directory.
            create: Make it where it is missing.

        Raises:
            IntegrityError: There is none, or it is cut off or otherwise damaged.
            StoreError: This process has it open already.
            StorageError: The system refused.
        """
        try:
            if create:
                index.mkdir(mode=0o700, parents=True, exist_ok=True)
                expect_deaths(index)
            elif not cls.exists(index):
                raise damaged_index("it is missing")
            return cls._open(index)
        except lmdb.Error as error:
            raise translate(error, f"opening the index {index}") from error
        except OSError as error:
            raise StorageError.of(error, f"opening the index {index}") from error

    @classmethod
    def _open(cls, index: Path) -> Environment:
        tell_processes_apart()
        descriptors: list[int] = []
        environment: lmdb.Environment | None = None
        try:
            descriptors.append(os.open(index, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            if cls.exists(index):
                # LMDB's locks are fcntl locks on lock.mdb: to open and close data.mdb here drops none of them.
                descriptors.append(os.open(index / "data.mdb", os.O_RDWR | os.O_CLOEXEC))
                check_data_file(*descriptors)
            environment = _open(index)
            if len(descriptors) == 1:
                descriptors.append(os.open(index / "data.mdb", os.O_RDWR | os.O_CLOEXEC))
            environment.reader_check()
            return cls(index, environment, *descriptors)
        except BaseException:
            if environment is not None:
                environment.close()
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    def close(self) -> None:
        """Close it; harmless when it is closed, or in a forked child."""
        if self._directory >= 0 and self._pid == os.getpid():
            self._lmdb.close()
            os.close(self._data)
            os.close(self._directory)
            self._directory = self._data = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def page_size(self) -> int:
        """Bytes of a page of `data.mdb`."""
        return int(self._lmdb.stat()["psize"])

    def begin_read(self) -> Txn:
        """Begin a read transaction (0.3 us); whoever begins it aborts it, before the request is over.

        Raises:
            StoreError: Opened before a fork, or closed.
        """
        if self._pid != os.getpid():
            raise StoreError("the store was opened before a fork: open it again in this process")
        try:
            return self._lmdb.begin()
        except lmdb.Error as error:
            raise translate(error, "reading the index") from error

    def snapshot_id(self) -> int:
        """Which state of the index is the last: another number after every commit, of whatever process.

        Raises:
            StoreError: Opened before a fork, or closed.
        """
        txn = self.begin_read()
        number = txn.id()
        txn.abort()
        return number

    @contextmanager
    def read(self) -> Iterator[Txn]:
        """Hold a read transaction."""
        txn = self.begin_read()
        try:
            yield txn
        except lmdb.Error as error:
            raise translate(error, "reading the index") from error
        finally:
            txn.abort()

    @contextmanager
    def write(self) -> Iterator[Txn]:
        """Hold the write lock and a write transaction; commit it when the block ends well, undo it otherwise.

        Raises:
            ReadOnlyStoreError: A commit or fsync failed earlier.
            StorageError: The commit failed; nothing of it is visible, and the environment is poisoned.
            StoreError: Opened before a fork, or closed, or the index was replaced.
        """
        txn = self._begin_write()
        try:
            self.check_in_place()
            yield txn
        except lmdb.Error as error:
            txn.abort()
            raise translate(error, "changing the index") from error
        except BaseException:
            txn.abort()
            raise
        try:
            with sized_commit(self._directory, self._data):
                txn.commit()
        except (lmdb.Error, OSError) as error:
            failure = self._commit_failure(error)
            self.poison(str(failure))
            self._go_on_reading()
            raise failure from error

    def _go_on_reading(self) -> None:
        """Open the environment anew if LMDB refuses even to read it, as it does when a header could not be written."""
        try:
            self._lmdb.begin().abort()
        except lmdb.PanicError:
            self._lmdb.close()
            with suppress(lmdb.Error):  # then each reader is told
                self._lmdb = _open(self.index)
        except lmdb.Error:
            return  # likewise

    def poison(self, reason: str) -> None:
        """Refuse all writing from now on: what the disk holds is not known any more."""
        self.poisoned = self.poisoned or reason

    def _begin_write(self) -> Txn:
        if self._pid != os.getpid():
            raise StoreError("the store was opened before a fork: open it again in this process")
        self._check_not_poisoned()
        try:
            txn = self._lmdb.begin(write=True)
        except lmdb.Error as error:
            raise translate(error, "beginning to change the index") from error
        try:
            self._check_not_poisoned()  # a thread that had the lock before may have failed
        except ReadOnlyStoreError:
            txn.abort()
            raise
        return txn

    def _check_not_poisoned(self) -> None:
        if self.poisoned is not None:
            raise ReadOnlyStoreError(
                f"the store is read-only in this process after a failure ({self.poisoned}): start it again"
            )

    def check_in_place(self) -> None:
        """Prove that the index that is open is the store's index still.

        Raises:
            StoreError: It was made again.
            StorageError: The system refused.
        """
        try:
            replaced = self._is_replaced()
        except OSError as error:
            raise StorageError.of(error, f"looking for the index {self.index}") from error
        if replaced:
            raise StoreError("the index was made again meanwhile: open the store again and repeat")

    def is_in_place(self) -> bool:
        """Whether the index that is open is the store's, or there is no other."""
        try:
            return not self._is_replaced()
        except OSError:
            return True

    def _is_replaced(self) -> bool:
        return (self.index / "data.mdb").stat().st_ino != self._inode

    def _commit_failure(self, error: lmdb.Error | OSError) -> ArtfsError:
        if isinstance(error, OSError):
            return StorageError.of(error, "committing to the index")
        if getattr(error, "code", 0) == errno.EIO and self._disk_is_full():
            # LMDB reports a short write as EIO; on a full disk that misleads.
            return StorageError.of(OSError(errno.ENOSPC, ""), "committing to the index")
        return translate(error, "committing to the index")

    def _disk_is_full(self) -> bool:
        free = os.fstatvfs(self._directory)
        return free.f_bavail * free.f_frsize < _NEARLY_FULL


def _open(index: Path) -> lmdb.Environment:
    environment = lmdb.open(
        os.fspath(index),
        map_size=_MAP_SIZE,
        max_readers=_MAX_READERS,
        max_spare_txns=8,
        mode=0o600,
        create=False,
    )
    leave_to_parent(environment)
    return environment
