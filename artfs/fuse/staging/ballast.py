"""Room that is given up on a full disk, so that things can be removed: even that has to be written down first."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

__all__ = ["Ballast"]

_SIZE: Final = 4 << 20
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

T = TypeVar("T")


class Ballast:
    """A file of nothing.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._there = False
        self.take()

    def take(self) -> None:
        """Take the room, if it was given up and there is enough now."""
        if self._there:
            return
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, _SIZE)
                self._there = True
            finally:
                os.close(descriptor)
        except OSError:
            self.drop()

    def drop(self) -> None:
        """Give the room up."""
        self._there = False
        with contextlib.suppress(OSError):
            self._path.unlink()

    def helps(self, error: OSError) -> bool:
        """Give the room up, if it is that which was missing; tells whether there is some now."""
        if error.errno not in _FULL or not self._there:
            return False
        self.drop()
        return True

    def sparing(self, change: Callable[..., T]) -> Callable[..., T]:
        """Make a function that does what another does, and does it again with the room that this gives up.

        Args:
            change: Changes all or nothing.
        """

        @wraps(change)
        def spare(*arguments: Any) -> T:
            try:
                return change(*arguments)
            except OSError as error:
                if not self.helps(error):
                    raise
            return change(*arguments)

        return spare
