"""The LMDB environment with the rows of a draft: changed by one process, looked at by others.

`data.mdb` is mapped, and a read behind its end kills the process, so it is held against its own headers before it is
opened. After a commit LMDB may leave it shorter than these say; it is lengthened under the lock that who finds it too
short waits for.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Final, Self

import lmdb

from artfs.catalog.datafile import bytes_missing, check_data_file
from artfs.catalog.forking import tell_processes_apart
from artfs.errors import IntegrityError
from artfs.files import sync_directory
from artfs.vfs.draft.faults import damaged_rows
from artfs.vfs.draft.table import Txn, system_error

__all__ = ["MAP_SIZE", "RowsEnvironment"]

MAP_SIZE: Final = 1 << 40
_ROOM: Final = 1 << 20


class RowsEnvironment:
    """An open environment; `create` makes one, `open` opens it. Once per process, after the last fork."""

    def __init__(self, path: Path, environment: lmdb.Environment, directory: int, data: int) -> None:
        self._path = path
        self._lmdb = environment
        self._directory = directory
        self._data = data

    @classmethod
    def create(cls, draft: Path) -> Self:
        """Make the environment of a new draft.

        Raises:
            OSError: The system refused.
        """
        path = draft / "rows"
        path.mkdir(mode=0o700)
        return cls._open(path, create=True)

    @classmethod
    def open(cls, draft: Path, *, readonly: bool = False) -> Self:
        """Open the environment of a draft.

        Raises:
            IntegrityError: It is missing or damaged.
            OSError: The system refused.
        """
        return cls._open(draft / "rows", readonly=readonly)

    @classmethod
    def _open(cls, path: Path, *, create: bool = False, readonly: bool = False) -> Self:
        tell_processes_apart()
        descriptors: list[int] = []
        try:
            descriptors.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            if not create:
                descriptors.append(os.open(path / "data.mdb", os.O_RDONLY | os.O_CLOEXEC))
                _check(*descriptors)
            environment = lmdb.open(
                os.fspath(path), map_size=MAP_SIZE, mode=0o600, create=create, readonly=readonly, max_spare_txns=2
            )
            if create:
                descriptors.append(os.open(path / "data.mdb", os.O_RDONLY | os.O_CLOEXEC))
            return cls(path, environment, *descriptors)
        except BaseException as error:
            for descriptor in descriptors:
                os.close(descriptor)
            if isinstance(error, FileNotFoundError):
                raise IntegrityError(f"the rows of a draft are missing ({error.filename}): discard it") from error
            if isinstance(error, lmdb.Error):
                raise system_error(error) from error
            raise

    def begin(self, *, write: bool = False) -> Txn:
        """Begin a transaction."""
        try:
            txn: Txn = self._lmdb.begin(write=write)
        except lmdb.Error as error:
            raise system_error(error) from error
        return txn

    def commit(self, txn: Txn) -> None:
        """Commit, synced.

        Raises:
            OSError: The system refused; nothing was committed. Open the environment anew.
        """
        fcntl.flock(self._directory, fcntl.LOCK_EX)
        try:
            self._lmdb.reader_check()  # of a snapshot whose process was killed
            txn.commit()
            missing = bytes_missing(self._data)
            if missing > 0:
                # Sparse: this takes no room, so it cannot fail on a full disk after what has happened.
                os.truncate(self._path / "data.mdb", os.fstat(self._data).st_size + missing)
        except lmdb.Error as error:
            failure = system_error(error)
            if failure.errno == errno.EIO:  # so LMDB also calls a write that came to an end within
                self._look_for_room()
            raise failure from error
        finally:
            fcntl.flock(self._directory, fcntl.LOCK_UN)

    def _look_for_room(self) -> None:
        """Raise what the system says when a little more room is asked for, if it refuses."""
        path = self._path / "room"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _ROOM)
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)

    def sync_names(self) -> None:
        """Make the names of its files survive the machine, and its own."""
        sync_directory(self._path)
        sync_directory(self._path.parent)

    def close(self) -> None:
        """Close it, once no transaction is open; harmless when it is closed."""
        if self._directory >= 0:
            self._lmdb.close()
            os.close(self._data)
            os.close(self._directory)
            self._directory = self._data = -1


def _check(directory: int, data: int) -> None:
    try:
        check_data_file(directory, data)
    except IntegrityError as error:
        raise damaged_rows("data.mdb is cut off, or begins as no LMDB file does") from error
