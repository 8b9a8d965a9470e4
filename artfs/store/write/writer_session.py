"""Writer sessions: a directory for unfinished files, under a lock that shows that its writer is alive.

A session is a flocked file `tmp/<id>.lock` beside a directory `tmp/<id>`. The kernel drops the lock when the process
dies, however it dies; the next writer then sweeps what it left.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path

from artfs.closing import Closing
from artfs.errors import StorageError
from artfs.files.store_files import make_directory, open_file, remove_file, remove_tree

__all__ = ["WriterSession"]


class WriterSession(Closing):
    """One writer's private directory in `tmp/`, removed when the session ends.

    Args:
        tmp: The store's `tmp/` directory.

    Raises:
        StorageError: The file system refused.
    """

    def __init__(self, tmp: Path) -> None:
        try:
            _sweep(tmp)
            self._lock_path, self._lock = _lock(tmp)
            self.directory = self._lock_path.with_suffix("")
            try:
                make_directory(self.directory)
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise StorageError.of(error, f"starting to write in {tmp}") from error

    def close(self) -> None:
        """End the session and remove what it left."""
        remove_tree(self.directory)
        with suppress(OSError):
            remove_file(self._lock_path)
        os.close(self._lock)


def _lock(tmp: Path) -> tuple[Path, int]:
    while True:
        path = tmp / f"{secrets.token_hex(8)}.lock"
        descriptor = open_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(OSError):  # a full disk: then the process of the session is not known
                os.write(descriptor, b"%d\n" % os.getpid())
            if _same_file(path, descriptor):
                return path, descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # a sweeper saw the file before it was locked


def _same_file(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _sweep(tmp: Path) -> None:
    """Remove what dead sessions left."""
    for path in tmp.glob("*.lock"):
        with suppress(OSError):
            descriptor = open_file(path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(path, descriptor):
                    remove_tree(path.with_suffix(""))
                    remove_file(path)
            except BlockingIOError:
                pass  # alive
            finally:
                os.close(descriptor)
