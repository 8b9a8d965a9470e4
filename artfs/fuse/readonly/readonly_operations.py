"""FUSE requests of the read-only mount, translated to its file tree and back.

Nothing here knows what is in the tree. Requests that the kernel never makes are not here: changes (the mount is `ro`:
the kernel answers EROFS itself), permissions (`default_permissions`), and those that it stops making after one ENOSYS
(flush, fsync, access), which is the answer of the base class.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import Final

import pyfuse3
from pyfuse3 import EntryAttributes, FileInfo, FUSEError, ReaddirToken, RequestContext, StatvfsData

from artfs.errors import NotFoundError
from artfs.format.digest import Data
from artfs.fuse.answers import (
    DOTS,
    LASTING_SECONDS,
    NAME_MAX,
    VOLATILE_SECONDS,
    answer_requests,
    list_dots,
    new_entry,
    statfs_answer,
)
from artfs.fuse.prefork.mount_kind import InitHandlers
from artfs.fuse.pyfuse3_loop import DONE, ImmediateAwaitable
from artfs.fuse.readonly.file_tree import FileTree
from artfs.vfs.attributes import Attr

__all__ = ["Listed", "ReadOnlyHandlers", "ReadOnlyOperations", "ReaddirCache"]

Listed = tuple[bytes, EntryAttributes, int]
"""Name, attributes, and the offset of the next entry."""

_MAX_CACHED: Final = 20_000  # entries of listings, about 400 bytes each


@cache
def _owner() -> tuple[int, int]:
    """Return the owner of everything. Each of the two system calls costs as much as two fields."""
    return os.geteuid(), os.getegid()


def _attributes(seconds: float) -> EntryAttributes:
    entry = new_entry(seconds, seconds)
    entry.st_uid, entry.st_gid = _owner()
    return entry


def _fill(entry: EntryAttributes, attr: Attr) -> EntryAttributes:
    ino, mode, size, mtime_ns, _volatile, holes = attr
    entry.st_ino = ino
    entry.st_mode = mode
    entry.st_size = size
    if holes is None:
        entry.attr_timeout = 0.0  # whoever wants them asks once more: counting them for a whole listing may take long
        holes = 0
    entry.st_blocks = (size - holes + 511) >> 9
    entry.st_mtime_ns = entry.st_ctime_ns = entry.st_atime_ns = mtime_ns
    return entry


class ReadOnlyOperations:
    """Answers requests from a file tree.

    Use it from one thread: an answer is valid until the next call only.

    Args:
        tree: The tree.
        before_reading: Called before data is read, which mostly waits for a disk.
    """

    def __init__(self, tree: FileTree, before_reading: Callable[[], None] = lambda: None) -> None:
        self._tree = tree
        self._before_reading = before_reading
        self._lasting = _attributes(LASTING_SECONDS)
        self._volatile = _attributes(VOLATILE_SECONDS)
        self._never_there = new_entry(0.0, LASTING_SECONDS)
        # Not cached at all: an alias is read on every walk, and must not lead to a version that exists by now and did
        # not at its last lookup.
        self._not_there_now = new_entry(0.0, 0.0)
        self._file = FileInfo(keep_cache=True)
        self._listings = ReaddirCache()

    def _fill(self, attr: Attr) -> EntryAttributes:
        return _fill(self._volatile if attr.volatile else self._lasting, attr)

    def lookup(self, parent: int, name: bytes, _context: RequestContext) -> EntryAttributes:
        """Find a name in a directory."""
        attr = self._tree.lookup(parent, name)
        if attr is not None:
            return self._fill(attr)
        if len(name) > NAME_MAX:  # since 6.18 the kernel lets up to 4,095 bytes through
            raise FUSEError(errno.ENAMETOOLONG)
        return self._not_there_now if self._tree.is_volatile(parent) else self._never_there

    def getattr(self, ino: int, _context: RequestContext) -> EntryAttributes:
        """Return the attributes of an inode."""
        return self._fill(self._tree.attr(ino))

    def readlink(self, ino: int, context: RequestContext) -> bytes:
        """Return the target of a symlink."""
        return self._tree.readlink(ino, context.pid)

    def open(self, ino: int, _flags: int, context: RequestContext) -> FileInfo:
        """Open a file: its handle is the inode number, so there is no state but the count that gc reads."""
        self._tree.opened(ino, context.pid)
        self._file.fh = ino
        return self._file

    def read(self, ino: int, offset: int, size: int) -> Data:
        """Read from an open file."""
        self._before_reading()
        return self._tree.read(ino, offset, size)

    def release(self, ino: int) -> None:
        """Close a file."""
        self._tree.closed(ino)

    def opendir(self, ino: int, _context: RequestContext) -> int:
        """Open a directory: its handle too is the inode number."""
        return ino

    def readdir(self, ino: int, offset: int, token: ReaddirToken) -> None:
        """List a directory from an offset on, as much as fits, with all attributes."""
        reply = pyfuse3.readdir_reply
        if offset < DOTS and not list_dots(ino, offset, token, self._volatile):
            return
        start = max(0, offset - DOTS)
        if not self._tree.is_volatile(ino):
            self._listings.send(ino, start, partial(reply, token), lambda: self._lasting_entries(ino, start))
            return
        for name, attr, next_offset in self._tree.listdir(ino, start):
            if not reply(token, name, self._fill(attr), next_offset + DOTS):
                return

    def _lasting_entries(self, ino: int, offset: int) -> Iterator[Listed]:
        """List a directory that cannot change; each entry has attributes of its own, which may be kept."""
        for name, attr, next_offset in self._tree.listdir(ino, offset):
            yield name, _fill(_attributes(LASTING_SECONDS), attr), next_offset + DOTS

    def getxattr(self, ino: int, name: bytes, _context: RequestContext) -> bytes:
        """Return an extended attribute; namespaces other than `user.` are refused once and for all."""
        if not name.startswith(b"user."):
            raise FUSEError(errno.EOPNOTSUPP)
        value = self._tree.xattr(ino, name)
        if value is None:
            raise FUSEError(errno.ENODATA)
        return value

    def listxattr(self, _ino: int, _context: RequestContext) -> Sequence[bytes]:
        """List nothing: the attributes can be read by name, and `cp -a` must not copy them."""
        return ()

    def statfs(self, _context: RequestContext) -> StatvfsData:
        """Describe the file system that holds the store."""
        return statfs_answer(self._tree.statfs())


class ReaddirCache:
    """Portions of listings of immutable directories, ready to be sent again.

    The kernel does not cache listings, and asks for the same portions at every walk. Making the attributes is most of
    what a listing costs here, so those that cannot change are made once and kept while they fit.
    """

    def __init__(self) -> None:
        self._portions: dict[tuple[int, int], list[Listed]] = {}
        self._entries = 0

    def send(self, ino: int, offset: int, reply: Callable[..., bool], make: Callable[[], Iterable[Listed]]) -> None:
        """Send a portion of a directory.

        Args:
            ino: The directory.
            offset: Where the portion begins.
            reply: Takes name, attributes and next offset; returns False when there is no more room.
            make: Lists the directory from the offset on, with attributes that nobody changes afterwards.
        """
        cached = self._portions.get((ino, offset))
        if cached is not None:
            for name, attributes, next_offset in cached:
                if not reply(name, attributes, next_offset):
                    return
            return
        sent: list[Listed] = []
        for entry in make():
            if not reply(*entry):
                if sent:  # an empty portion means the directory's end
                    self._keep(ino, offset, sent)
                return
            sent.append(entry)
        self._keep(ino, offset, sent)

    def _keep(self, ino: int, offset: int, sent: list[Listed]) -> None:
        if self._entries > _MAX_CACHED:
            self._portions.clear()
            self._entries = 0
        self._portions[ino, offset] = sent
        self._entries += len(sent) + 1


class ReadOnlyHandlers(InitHandlers):
    """The handlers of pyfuse3 in a read-only mount."""

    def serve(self, operations: ReadOnlyOperations, state: memoryview[int]) -> None:
        """Answer requests from now on.

        Args:
            operations: Gives the answers.
            state: The worker's slot of the scoreboard.
        """
        answer_requests(self, operations, state, (NotFoundError,))

    def forget(self, _inodes: object) -> None:  # type: ignore[override] # called without await, so None will do
        """Do nothing: nothing is remembered."""

    def releasedir(self, _handle: object) -> ImmediateAwaitable:  # type: ignore[override] # any awaitable will do
        """Do nothing: nothing was opened."""
        return DONE
