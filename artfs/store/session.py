"""Writer sessions: where a writer keeps unfinished files, and how others know that it is alive.

A session is a flocked file `tmp/<id>.lock` beside a directory `tmp/<id>`. The kernel drops the lock when the process
dies, however it dies; the next writer then sweeps what it left.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from artfs.errors import StorageError

__all__ = ["WriterSession"]


class WriterSession:
    """One writer's private directory in `tmp/`, gone when the session ends.

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
                self.directory.mkdir(mode=0o700)
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise StorageError.of(error, f"starting to write in {tmp}") from error

    def close(self) -> None:
        """End the session and remove what it left."""
        shutil.rmtree(self.directory, ignore_errors=True)
        with suppress(OSError):
            self._lock_path.unlink()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _lock(tmp: Path) -> tuple[Path, int]:
    while True:
        path = tmp / f"{secrets.token_hex(8)}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(OSError):  # a full disk: then nobody knows which process it is
            os.write(descriptor, b"%d\n" % os.getpid())
        if _same_file(path, descriptor):
            return path, descriptor
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
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(path, descriptor):
                    shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                    path.unlink()
            except BlockingIOError:
                pass  # alive
            finally:
                os.close(descriptor)
