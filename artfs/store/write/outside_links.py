"""Symlinks that lead out of a directory which is stored: in a version they lead to nothing.

They are stored as they are and counted, or what they lead to is stored in their place. What is reached through one of
them is a directory of its own: a symlink in it that leads out of it is followed again.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from artfs.format.node import Entry, Kind
from artfs.names import quoted
from artfs.store.tree.symlink_paths import leads_outside

__all__ = ["OutsideLinks", "Root"]

_LEADS_TO_NOTHING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True, slots=True)
class Root:
    """A directory out of which symlinks lead: the one that is stored, or one that a symlink was followed to.

    Attributes:
        path: The directory, without symlinks on the way.
        outer: The root in which the symlink is that was followed to it.
        at: The directory in which that symlink is.
    """

    path: bytes
    outer: Root | None = None
    at: bytes = b""


@dataclass(slots=True)
class OutsideLinks:
    """What a scan does with symlinks that lead outside, and which it has met.

    Attributes:
        follow: Store what they lead to in their place.
        kept: The number that is stored as symlinks.
        first: The first of these: its path and target.
    """

    follow: bool = False
    kept: int = 0
    first: tuple[bytes, bytes] = field(default=(b"", b""))

    def followed(self, root: Root, directory: bytes, path: bytes) -> tuple[bytes, os.stat_result] | None:
        """Return what to store in place of a symlink: its path and status; None: the symlink itself.

        Args:
            root: The root that it is in.
            directory: The directory that it is in.
            path: The symlink.

        Raises:
            OSError: The system refused to look at it.
        """
        target = os.readlink(path)
        inner = path[len(root.path.rstrip(b"/")) + 1 :].split(b"/")
        if not leads_outside(inner, target, lambda at: _symlink_at(root, at)):
            return None
        if self.follow:
            try:
                real = os.path.realpath(path, strict=True)
                status = os.stat(real)
            except OSError as error:
                if error.errno not in _LEADS_TO_NOTHING:
                    raise
            else:
                if not stat.S_ISDIR(status.st_mode) or not _is_around(real, root, directory):
                    return real, status
        self.first = self.first if self.kept else (path, target)
        self.kept += 1
        return None

    def warning(self, option: str) -> str | None:
        """Return one line about the symlinks that are stored as such; None if there are none.

        Args:
            option: Names the way to follow them.
        """
        if not self.kept:
            return None
        links = "1 symlink leads" if self.kept == 1 else f"{self.kept:,} symlinks lead"
        path, target = map(quoted, self.first)
        if self.follow:
            return f"{links} to nothing or in circles and cannot be followed; the first is {path} -> {target}"
        return (
            f"{links} out of the directory and will lead to nothing in the version; the first is {path} -> {target}: "
            f"{option} stores what they lead to"
        )


def _symlink_at(root: Root, at: Sequence[bytes]) -> Entry | None:
    try:
        target = os.readlink(b"/".join((root.path.rstrip(b"/"), *at)))
    except OSError:
        return None
    return Entry(at[-1], Kind.SYMLINK, 0o777, 0, len(target), b"", extra=target)


def _is_around(target: bytes, root: Root | None, directory: bytes) -> bool:
    """Return True if a directory has in it the one that a symlink to it is in: following goes in circles."""
    while root is not None:
        if os.path.commonpath((target, directory)) == target:
            return True
        directory, root = root.at, root.outer
    return False
