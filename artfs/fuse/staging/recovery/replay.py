"""Name changes that tolerate a request repeated by the kernel.

A request comes a second time when the server that received it first died before it answered. Most requests do no harm
twice; name changes do: a name to be made exists already, one to be removed is gone. But the kernel alone changes names:
it asks to make one only where it knows of none, and to remove one only where it knows it. So an impossible name change,
among the requests that a server finds when it begins, was carried out by the server before it. (`ServedDrafts` does the
same for drafts that are staged and discarded.)
"""

from __future__ import annotations

import errno
import stat

from artfs.drafts.draft import Draft
from artfs.drafts.namespace.directories import RENAME_EXCHANGE
from artfs.drafts.namespace.inodes import Attributes, os_error

__all__ = ["ReplayingDraft"]


class ReplayingDraft(Draft):
    """A draft that takes an impossible name change as done, while requests may be repeated.

    Attributes:
        replaying: Requests may be repeated; once False, it is a draft like any other.
    """

    replaying = True

    def make(
        self, directory: int, name: bytes, mode: int, uid: int, gid: int, *, rdev: int = 0, target: bytes = b""
    ) -> Attributes:
        """Make a file, directory, symlink, FIFO, socket or device."""
        try:
            return super().make(directory, name, mode, uid, gid, rdev=rdev, target=target)
        except FileExistsError:
            found = self.lookup(directory, name) if self.replaying else None
            if found is None or stat.S_IFMT(found.mode) != stat.S_IFMT(mode):
                raise
            return found

    def link(self, ino: int, directory: int, name: bytes) -> Attributes:
        """Give a file another name."""
        try:
            return super().link(ino, directory, name)
        except FileExistsError:
            found = self.lookup(directory, name) if self.replaying else None
            if found is None or found.ino != ino:
                raise
            return found

    def unlink(self, directory: int, name: bytes) -> None:
        """Remove a file's name."""
        try:
            super().unlink(directory, name)
        except FileNotFoundError:
            if not self.replaying:
                raise

    def rmdir(self, directory: int, name: bytes) -> None:
        """Remove an empty directory."""
        try:
            super().rmdir(directory, name)
        except FileNotFoundError:
            if not self.replaying:
                raise

    def rename(self, directory: int, name: bytes, new_directory: int, new_name: bytes, flags: int = 0) -> None:
        """Move a name.

        Raises:
            OSError: ECONNABORTED: the request exchanges two names, and may have been carried out or not.
        """
        if self.replaying and flags == RENAME_EXCHANGE:
            raise os_error(errno.ECONNABORTED)
        try:
            super().rename(directory, name, new_directory, new_name, flags)
        except FileNotFoundError:
            if not self.replaying or self.lookup(new_directory, new_name) is None:
                raise
