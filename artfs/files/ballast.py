"""Ballast: disk space that is allocated ahead, and released when the disk is full.

With it things can be deleted there. To delete takes some space before it frees any: each deletion is recorded first.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

from artfs.files.store_files import open_file, remove_file

__all__ = ["Ballast", "allocate_file"]

_SIZE: Final = 4 << 20
_SCARCE: Final = 4 * _SIZE
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

T = TypeVar("T")


class Ballast:
    """A file of 4 MiB of nothing. What cannot be allocated is missing on a full disk only.

    Args:
        path: The file.
        spare: Allocate it only if the disk has more than enough free space; else whenever there is room for it. To try
            where there is none would take for a moment what somebody else needs.
    """

    def __init__(self, path: Path, *, spare: bool = False) -> None:
        self._path = path
        self._min_free = 2 * _SCARCE if spare else _SIZE

    def allocate(self) -> None:
        """Allocate the space, unless it is allocated or the disk has too little."""
        with suppress(OSError):
            if self._path.stat().st_size >= _SIZE:
                return
        if self._free() >= self._min_free:
            try:
                allocate_file(self._path, _SIZE)
            except OSError:
                self.release()

    @property
    def size(self) -> int:
        """Bytes that are allocated."""
        with suppress(OSError):
            return self._path.stat().st_size
        return 0

    def release(self) -> bool:
        """Give the space back to the disk; False if it was not allocated."""
        try:
            remove_file(self._path)
        except OSError:
            return False
        return True

    def release_after(self, error: OSError) -> bool:
        """Release the space after an error for want of it; True if a retry may succeed now."""
        return error.errno in _FULL and self.release()

    def retrying(self, change: Callable[..., T]) -> Callable[..., T]:
        """Wrap a function so that it is called again with the released space, if the disk was full.

        Args:
            change: Changes all or nothing.
        """

        @wraps(change)
        def retry(*arguments: Any) -> T:
            try:
                return change(*arguments)
            except OSError as error:
                if not self.release_after(error):
                    raise
            return change(*arguments)

        return retry

    @contextmanager
    def released_if_scarce(self) -> Iterator[None]:
        """Release the space during a block, if the disk has hardly any other."""
        if self._free() < _SCARCE:
            self.release()
        try:
            yield
        finally:
            self.allocate()

    def _free(self) -> int:
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize


def allocate_file(path: Path, size: int) -> None:
    """Make a file that has all its disk space.

    Raises:
        OSError: The disk has not so much, or the system refused; the file may be there.
    """
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)
