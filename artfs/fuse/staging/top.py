"""What of a staging mount is in no draft: its root, where each draft is a directory, and the control directories."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from artfs.errors import ArtfsError
from artfs.fuse.staging.commits import Commits
from artfs.fuse.staging.control import ControlFiles
from artfs.fuse.staging.drafts import Drafts
from artfs.fuse.staging.numbers import CONTROL, ROOT, is_control, split
from artfs.names import RESERVED_NAME
from artfs.vfs.draft.attributes import DIRECTORY_SIZE, Attributes
from artfs.vfs.draft.opening import StageRequest
from artfs.vfs.draft.rows import BASE

__all__ = ["Node", "Top"]

_NAME_MAX = 255
_MODE = 0o755
"""Of a draft that begins empty."""


class Node(NamedTuple):
    """Something in the root or in a control directory.

    Attributes:
        draft: The draft that it is in, or is; 0: none.
        attributes: What stat(2) says; with the local number.
    """

    draft: int
    attributes: Attributes


class Top:
    """Finds and lists, and opens and closes drafts by directory.

    Args:
        drafts: The drafts of the mount.
        commits: Their commits.
        control: The control files.
        owner: User and group that the root belongs to.
    """

    def __init__(self, drafts: Drafts, commits: Commits, control: ControlFiles, owner: tuple[int, int]) -> None:
        self._drafts = drafts
        self._commits = commits
        self._control = control
        self._owner = owner
        self._since = time.time_ns()

    def lookup(self, parent: int, name: bytes) -> Node:
        """Find a name in the root or a control directory, or the control directory of a draft in its own.

        Raises:
            OSError: ENOENT: it is not there.
        """
        number, local = split(parent)
        if len(name) > _NAME_MAX:
            raise _fault(errno.ENAMETOOLONG)
        if is_control(local):
            found = self._control.find(number, name)
            if not found:
                raise _fault(errno.ENOENT)
            return Node(number, self._control.attributes(number, found))
        if name == RESERVED_NAME:
            return Node(number, self._control.attributes(number, CONTROL))
        opened = self._drafts.by_name(os.fsdecode(name))
        if opened is None:
            raise _fault(errno.ENOENT)
        return Node(opened.place.number, opened.draft.attributes(BASE))

    def attributes(self, ino: int) -> Attributes:
        """What stat(2) says of the root, or of a control directory or file."""
        number, local = split(ino)
        if is_control(local):
            return self._control.attributes(number, local)
        nlink = 2 + len(self._drafts.places())
        times = (self._drafts.changed_ns or self._since,) * 3
        return Attributes(ROOT, stat.S_IFDIR | 0o755, nlink, *self._owner, 0, DIRECTORY_SIZE, *times)

    def entries(self, ino: int, start: int) -> Iterator[tuple[bytes, Node, int]]:
        """List the root or a control directory from an offset on: name, what it is, offset of what follows."""
        number, local = split(ino)
        if is_control(local):
            for at, name in enumerate(self._control.names(number)[start:], start + 1):
                yield name, Node(number, self._control.attributes(number, CONTROL + at)), at
            return
        for place in self._drafts.places():
            if place.number >= start:
                yield place.name.encode(), Node(place.number, self._top_of(place.number)), place.number + 1

    def _top_of(self, draft: int) -> Attributes:
        """What a listing says of a draft: of one that cannot be opened too, and whoever enters it is told why."""
        try:
            return self._drafts.by_number(draft).draft.attributes(BASE)
        except (OSError, ArtfsError):
            return Attributes(BASE, stat.S_IFDIR, 1, *self._owner, 0, DIRECTORY_SIZE, *(self._since,) * 3)

    def make_draft(self, name: bytes, mode: int, owner: tuple[int, int]) -> Node:
        """Open an empty draft.

        Args:
            name: What it is called, and the artifact too.
            mode: Permission bits of its directory.
            owner: User and group that it is to belong to.

        Raises:
            InvalidInputError: No artifact can have that name.
            ConflictError: There is one of that name.
            StorageError: The system refused.
        """
        opened, _base = self._drafts.stage(StageRequest(os.fsdecode(name), empty=True), owner)
        if mode != _MODE:
            opened.draft.change(BASE, mode=mode)
        return Node(opened.place.number, opened.draft.attributes(BASE))

    def remove_draft(self, name: bytes) -> None:
        """Close a draft in which there is nothing.

        Raises:
            OSError: There is something in it, or it is not there.
        """
        if name == RESERVED_NAME:
            raise _fault(errno.EPERM)
        opened = self._drafts.by_name(os.fsdecode(name))
        if opened is None:
            raise _fault(errno.ENOENT)
        if self._commits.is_busy(opened):
            raise _fault(errno.EBUSY)
        if not opened.draft.is_empty():
            raise _fault(errno.ENOTEMPTY)
        self._drafts.remove(opened)


def _fault(number: int) -> OSError:
    return OSError(number, os.strerror(number))
