"""Root directory of a staging mount, with a directory for each draft, and the control directories."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from artfs.drafts.control.stage_request import StageRequest
from artfs.drafts.db.schema import BASE
from artfs.drafts.namespace.inodes import DIRECTORY_SIZE, Attributes, os_error
from artfs.errors import ArtfsError
from artfs.fuse.staging.commit_queue import CommitQueue
from artfs.fuse.staging.control import ControlFiles
from artfs.fuse.staging.inode_numbers import CONTROL, ROOT, is_control, split
from artfs.fuse.staging.served_drafts import ServedDraft, ServedDrafts
from artfs.names import RESERVED_NAME

__all__ = ["RootDirectory", "RootNode"]

_NAME_MAX = 255
_MODE = 0o755
"""Mode of the directory of a new draft."""


class RootNode(NamedTuple):
    """A directory or file in the root or in a control directory.

    Attributes:
        draft: Number of the draft that it is, or is in; 0: none.
        attributes: Its attributes, with the local number.
    """

    draft: int
    attributes: Attributes


class RootDirectory:
    """Lookups and listings outside of drafts; `mkdir` and `rmdir` in the root create and discard drafts.

    Args:
        drafts: The drafts of the mount.
        commits: Their commits.
        control: The control files.
        owner: User and group of the root.
    """

    def __init__(
        self, drafts: ServedDrafts, commits: CommitQueue, control: ControlFiles, owner: tuple[int, int]
    ) -> None:
        self._drafts = drafts
        self._commits = commits
        self._control = control
        self._owner = owner
        self._since = time.time_ns()

    def lookup(self, parent: int, name: bytes) -> RootNode:
        """Find a name in the root or a control directory, or the control directory of a draft.

        Raises:
            OSError: ENOENT: it is not there.
        """
        number, local = split(parent)
        if len(name) > _NAME_MAX:
            raise os_error(errno.ENAMETOOLONG)
        if is_control(local):
            found = self._control.find(number, name)
            if not found:
                raise os_error(errno.ENOENT)
            return RootNode(number, self._control.attributes(number, found))
        if name == RESERVED_NAME:
            return RootNode(number, self._control.attributes(number, CONTROL))
        return _node_of(self._existing(name))

    def attributes(self, ino: int) -> Attributes:
        """Attributes of the root, or of a control directory or file."""
        number, local = split(ino)
        if is_control(local):
            return self._control.attributes(number, local)
        nlink = 2 + len(self._drafts.locations())
        times = (self._drafts.changed_ns or self._since,) * 3
        return Attributes(ROOT, stat.S_IFDIR | 0o755, nlink, *self._owner, 0, DIRECTORY_SIZE, *times)

    def entries(self, ino: int, start: int) -> Iterator[tuple[bytes, RootNode, int]]:
        """List the root or a control directory from an offset: names, nodes, and the offset after each."""
        number, local = split(ino)
        if is_control(local):
            for at, name in enumerate(self._control.names(number)[start:], start + 1):
                yield name, RootNode(number, self._control.attributes(number, CONTROL + at)), at
            return
        for found in self._drafts.locations():
            if found.number >= start:
                yield found.name.encode(), RootNode(found.number, self._listed(found.number)), found.number + 1

    def _listed(self, draft: int) -> Attributes:
        """Attributes of a draft in a listing, where a draft that cannot be opened is shown too."""
        try:
            return self._drafts.by_number(draft).draft.attributes(BASE)
        except (OSError, ArtfsError):
            return Attributes(BASE, stat.S_IFDIR, 1, *self._owner, 0, DIRECTORY_SIZE, *(self._since,) * 3)

    def make_draft(self, name: bytes, mode: int, owner: tuple[int, int]) -> RootNode:
        """Create an empty draft.

        Args:
            name: Name of the draft and of its artifact.
            mode: Permission bits of its directory.
            owner: User and group of the draft.

        Raises:
            InvalidInputError: No artifact can have that name.
            ConflictError: There is one of that name.
            StorageError: The system refused.
        """
        served, _base = self._drafts.stage(StageRequest(os.fsdecode(name), empty=True), owner)
        if mode != _MODE:
            served.draft.set_attributes(BASE, mode=mode)
        return _node_of(served)

    def remove_draft(self, name: bytes) -> None:
        """Discard an empty draft.

        Raises:
            OSError: It is not empty, is being committed, or is not there.
        """
        if name == RESERVED_NAME:
            raise os_error(errno.EPERM)
        served = self._drafts.by_name(os.fsdecode(name))
        if served is None:
            if self._drafts.replaying:
                return  # the server before has discarded it
            raise os_error(errno.ENOENT)
        if self._commits.is_busy(served):
            raise os_error(errno.EBUSY)
        if not served.draft.is_empty():
            raise os_error(errno.ENOTEMPTY)
        self._drafts.remove(served)

    def _existing(self, name: bytes) -> ServedDraft:
        served = self._drafts.by_name(os.fsdecode(name))
        if served is None:
            raise os_error(errno.ENOENT)
        return served


def _node_of(served: ServedDraft) -> RootNode:
    return RootNode(served.location.number, served.draft.attributes(BASE))
