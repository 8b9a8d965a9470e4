"""FUSE requests, translated to the file tree and back. Nothing here knows what is in the tree.

A worker answers one request at a time, and pyfuse3 copies an answer into its reply before the next request comes. So
the objects that answers are given in are made once and filled anew each time: half of what a `stat` costs in Python was
making them.

What the kernel never asks is not here: changes (the mount is `ro`: it answers EROFS itself), permissions
(`default_permissions`), and what it stops asking after one ENOSYS (flush, fsync, access), which is what the base class
answers.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import cache, partial
from typing import Any, Final

import pyfuse3
from pyfuse3 import EntryAttributes, FileInfo, FUSEError, ReaddirToken, RequestContext, StatvfsData

from artfs.errors import ArtfsError, NotFoundError
from artfs.format.digest import Data
from artfs.fuse.errno import errno_of
from artfs.fuse.loop import DONE, Done
from artfs.fuse.portions import Portions, Sent
from artfs.fuse.staff import InitHandlers
from artfs.fuse.states import BUSY
from artfs.fuse.tree import FileTree
from artfs.vfs.attributes import Attr

__all__ = ["LASTING_SECONDS", "VOLATILE_SECONDS", "Handlers", "Translation"]

LASTING_SECONDS: Final = 1e9
"""How long the kernel may believe what is said of the inside of a version: thirty years. It counts in jiffies and
would take 64 bits of seconds too, but not every version of it does so without overflowing."""
VOLATILE_SECONDS: Final = 0.9
"""The same for what other processes may change: they are promised that it shows within a second."""

_NAME_MAX: Final = 255
_PARENT_UNKNOWN: Final = 0xFFFFFFFF  # libfuse's FUSE_UNKNOWN_INO
_DOTS: Final = 2  # `.` and `..` come before the tree's own offsets

_log = logging.getLogger(__name__)


@cache
def _owner() -> tuple[int, int]:
    """Whose everything is: this process's user and group. Each of the two system calls takes as long as two fields."""
    return os.geteuid(), os.getegid()


def _attributes(seconds: float) -> EntryAttributes:
    entry = EntryAttributes()
    entry.attr_timeout = entry.entry_timeout = seconds
    entry.st_uid, entry.st_gid = _owner()
    return entry


def _absence(seconds: float) -> EntryAttributes:
    """The answer "no such name", which the kernel remembers for as long; an error it would not remember."""
    entry = EntryAttributes()
    entry.entry_timeout = seconds
    return entry


def _fill(entry: EntryAttributes, attr: Attr) -> EntryAttributes:
    ino, mode, size, mtime_ns, _volatile = attr
    entry.st_ino = ino
    entry.st_mode = mode
    entry.st_size = size
    entry.st_blocks = (size + 511) >> 9
    entry.st_mtime_ns = entry.st_ctime_ns = entry.st_atime_ns = mtime_ns
    return entry


class Translation:
    """Answers requests from a file tree. Use it from one thread: answers hold until the next call only.

    Args:
        tree: The tree.
        before_reading: Called before data is read, which mostly waits for a disk.
    """

    def __init__(self, tree: FileTree, before_reading: Callable[[], None] = lambda: None) -> None:
        self._tree = tree
        self._before_reading = before_reading
        self._lasting = _attributes(LASTING_SECONDS)
        self._volatile = _attributes(VOLATILE_SECONDS)
        self._never_there = _absence(LASTING_SECONDS)
        # Not believed for a moment: an alias is read on every walk, and must not lead to a version that is there by now
        # and was not when somebody last asked for it.
        self._not_there_now = _absence(0.0)
        self._file = FileInfo(keep_cache=True)
        self._portions = Portions()

    def _fill(self, attr: Attr) -> EntryAttributes:
        return _fill(self._volatile if attr.volatile else self._lasting, attr)

    def lookup(self, parent: int, name: bytes, _context: RequestContext) -> EntryAttributes:
        """Find a name in a directory."""
        attr = self._tree.lookup(parent, name)
        if attr is not None:
            return self._fill(attr)
        if len(name) > _NAME_MAX:  # since 6.18 the kernel lets up to 4,095 bytes through
            raise FUSEError(errno.ENAMETOOLONG)
        return self._not_there_now if self._tree.is_volatile(parent) else self._never_there

    def getattr(self, ino: int, _context: RequestContext) -> EntryAttributes:
        """Tell the attributes of an inode."""
        return self._fill(self._tree.attr(ino))

    def readlink(self, ino: int, context: RequestContext) -> bytes:
        """Tell the target of a symlink."""
        return self._tree.readlink(ino, context.pid)

    def open(self, ino: int, _flags: int, context: RequestContext) -> FileInfo:
        """Open a file: its handle is the inode number, so there is no state but the count that gc looks at."""
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
        """List as much of a directory as fits, from an offset on, with all attributes."""
        reply = pyfuse3.readdir_reply
        if offset < _DOTS and not self._list_dots(ino, offset, token):
            return
        start = max(0, offset - _DOTS)
        if not self._tree.is_volatile(ino):
            self._portions.send(ino, start, partial(reply, token), lambda: self._lasting_entries(ino, start))
            return
        for name, attr, following in self._tree.listdir(ino, start):
            if not reply(token, name, self._fill(attr), following + _DOTS):
                return

    def _lasting_entries(self, ino: int, offset: int) -> Iterator[Sent]:
        """List a directory that cannot change, with attributes of their own for each entry."""
        for name, attr, following in self._tree.listdir(ino, offset):
            yield name, _fill(_attributes(LASTING_SECONDS), attr), following + _DOTS

    def _list_dots(self, ino: int, offset: int, token: ReaddirToken) -> bool:
        """List `.` and `..`, of which the kernel takes nothing but number and type."""
        for following, (name, number) in enumerate([(b".", ino), (b"..", _PARENT_UNKNOWN)][offset:], offset + 1):
            entry = self._fill(Attr(number, stat.S_IFDIR, 0, 0))
            if not pyfuse3.readdir_reply(token, name, entry, following):
                return False
        return True

    def getxattr(self, ino: int, name: bytes, _context: RequestContext) -> bytes:
        """Tell an extended attribute. Of other namespaces than `user.` there is none, and no use in asking again."""
        if not name.startswith(b"user."):
            raise FUSEError(errno.EOPNOTSUPP)
        value = self._tree.xattr(ino, name)
        if value is None:
            raise FUSEError(errno.ENODATA)
        return value

    def listxattr(self, _ino: int, _context: RequestContext) -> Sequence[bytes]:
        """List nothing: the attributes are there by name, and `cp -a` shall not copy them."""
        return ()

    def statfs(self, _context: RequestContext) -> StatvfsData:
        """Tell of the file system that holds the store."""
        told = self._tree.statfs()
        answer = StatvfsData()
        for field in ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail"):
            setattr(answer, field, getattr(told, field))
        answer.f_namemax = _NAME_MAX
        return answer


_ANSWERED: Final = (
    "lookup",
    "getattr",
    "readlink",
    "open",
    "read",
    "release",
    "opendir",
    "readdir",
    "getxattr",
    "listxattr",
    "statfs",
)
"""The handlers that ask the tree."""


class Handlers(InitHandlers):
    """What pyfuse3 calls in a read-only mount: a worker has it serve a tree."""

    def serve(self, translation: Translation, state: memoryview[int]) -> None:
        """Answer requests from now on.

        Args:
            translation: Gives the answers.
            state: The worker's slot of the shared memory.
        """
        for name in _ANSWERED:
            setattr(self, name, _guarded(getattr(translation, name), state))

    def forget(self, _inodes: object) -> None:  # type: ignore[override] # called without await, so None will do
        """Nothing was remembered."""

    def releasedir(self, _handle: object) -> Done:  # type: ignore[override] # any awaitable will do
        """Nothing was opened."""
        return DONE


def _guarded(answer: Callable[..., Any], state: memoryview[int]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Make a handler of a method: whatever goes wrong becomes an error number, since anything else ends the worker."""

    async def handler(*request: Any) -> Any:
        state[BUSY] = 1
        try:
            return answer(*request)
        except FUSEError:
            raise
        except NotFoundError as error:
            raise FUSEError(errno_of(error)) from None
        except Exception as error:  # noqa: BLE001 # one request fails, not the worker
            raise FUSEError(_logged(answer.__name__, request, error)) from None

    return handler


def _logged(name: str, request: tuple[Any, ...], error: Exception) -> int:
    """Write a line about an error, with its origin if it was not foreseen, and give its number."""
    foreseen = isinstance(error, ArtfsError)
    _log.error("%s of inode %d: %s", name, request[0], str(error) or type(error), exc_info=None if foreseen else error)
    return errno_of(error)
