"""Requests that come a second time, since the process that got them first died before it had answered.

Most do no harm twice. These do: a name that is made again is there, one that is removed again is gone. But the kernel,
which alone changes names, asks for a new one only where it knows of none, and for one to go only where it knows it. So
a request that cannot be, among those that a process finds when it begins, was carried out already.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Protocol

from artfs.vfs.draft.attributes import Attributes
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.names import RENAME_EXCHANGE

__all__ = ["Again", "NameChanges"]


class NameChanges(Protocol):
    """What changes names in a draft, with the methods of `Draft`."""

    def make(
        self, directory: int, name: bytes, mode: int, uid: int, gid: int, *, rdev: int = 0, target: bytes = b""
    ) -> Attributes:
        """Make a file, directory, symlink, FIFO, socket or device."""
        ...

    def link(self, ino: int, directory: int, name: bytes) -> Attributes:
        """Give a file another name."""
        ...

    def unlink(self, directory: int, name: bytes) -> None:
        """Remove a file's name."""
        ...

    def rmdir(self, directory: int, name: bytes) -> None:
        """Remove an empty directory."""
        ...

    def rename(self, directory: int, name: bytes, new_directory: int, new_name: bytes, flags: int = 0) -> None:
        """Move a name."""
        ...


class Again:
    """Changes names, and takes what cannot be for done.

    Args:
        draft: The draft.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def make(
        self, directory: int, name: bytes, mode: int, uid: int, gid: int, *, rdev: int = 0, target: bytes = b""
    ) -> Attributes:
        """Make a file, directory, symlink, FIFO, socket or device."""
        try:
            return self._draft.make(directory, name, mode, uid, gid, rdev=rdev, target=target)
        except FileExistsError:
            found = self._draft.lookup(directory, name)
            if found is None or stat.S_IFMT(found.mode) != stat.S_IFMT(mode):
                raise
            return found

    def link(self, ino: int, directory: int, name: bytes) -> Attributes:
        """Give a file another name."""
        try:
            return self._draft.link(ino, directory, name)
        except FileExistsError:
            found = self._draft.lookup(directory, name)
            if found is None or found.ino != ino:
                raise
            return found

    def unlink(self, directory: int, name: bytes) -> None:
        """Remove a file's name."""
        try:
            self._draft.unlink(directory, name)
        except FileNotFoundError:
            return

    def rmdir(self, directory: int, name: bytes) -> None:
        """Remove an empty directory."""
        try:
            self._draft.rmdir(directory, name)
        except FileNotFoundError:
            return

    def rename(self, directory: int, name: bytes, new_directory: int, new_name: bytes, flags: int = 0) -> None:
        """Move a name.

        Raises:
            OSError: ECONNABORTED: two names are to be exchanged; whether that was done nobody knows.
        """
        if flags == RENAME_EXCHANGE:
            raise OSError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
        try:
            self._draft.rename(directory, name, new_directory, new_name, flags)
        except FileNotFoundError:
            if self._draft.lookup(new_directory, new_name) is None:
                raise
