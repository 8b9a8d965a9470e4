"""A lock that processes of one machine take in turn: an fcntl lock on a file."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artfs.closing import Closing
from artfs.errors import StorageError
from artfs.files.store_files import open_file

__all__ = ["FileLock"]


class FileLock(Closing):
    """A lock of processes and threads. A child that is forked while it is taken does not have it.

    Args:
        path: The file, which is made when the lock is first taken.
        of: What it locks, for messages.
    """

    def __init__(self, path: Path, of: str) -> None:
        self._path = path
        self._of = of
        self._descriptor = -1
        self._thread_lock = threading.RLock()
        self._depth = 0

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the lock for a block. It may be taken again within itself.

        Raises:
            StorageError: The system refused.
        """
        with self._thread_lock:
            if not self._depth:
                self._take()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _take(self) -> None:
        try:
            if self._descriptor < 0:
                self._descriptor = open_file(self._path, os.O_RDWR | os.O_CREAT)
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise StorageError.of(error, f"locking {self._of}") from error
