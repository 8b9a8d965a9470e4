"""Answers to FUSE requests that both kinds of mount give alike.

These are the handlers around answers, error numbers, the entries `.` and `..`, and statfs. A process answers one
request at a time, and pyfuse3 copies an answer into its reply before the next request comes. So the objects that
answers are given in are made once and filled again each time: half of what a `stat` costs in Python was making them.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Coroutine
from typing import Any, Final

import pyfuse3
from pyfuse3 import EntryAttributes, FUSEError, ReaddirToken, StatvfsData

from artfs.errors import ArtfsError
from artfs.fuse.errno import errno_of, is_of_store
from artfs.fuse.prefork.scoreboard import BUSY, STORE_MISSING

__all__ = [
    "DOTS",
    "LASTING_SECONDS",
    "NAME_MAX",
    "VOLATILE_SECONDS",
    "answer_requests",
    "guard",
    "list_dots",
    "new_entry",
    "statfs_answer",
]

LASTING_SECONDS: Final = 1e9
"""How long the kernel may cache what never changes: thirty years. It counts in jiffies and would take 64 bits of
seconds too, but not every version of it does so without overflowing."""
VOLATILE_SECONDS: Final = 0.9
"""The same for what other processes may change: the promise is that a change shows within a second."""
NAME_MAX: Final = 255
DOTS: Final = 2
"""Offsets in a listing that `.` and `..` take, before those of the tree."""

_PARENT_UNKNOWN: Final = 0xFFFFFFFF  # libfuse's FUSE_UNKNOWN_INO
_STATVFS_FIELDS: Final = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail")
_GRAVE: Final = frozenset({errno.EIO, errno.EROFS, errno.ENOSPC, errno.EDQUOT})
_HANDLERS: Final = {name for name in vars(pyfuse3.Operations) if name[0] != "_"} - {"forget"}  # called without await

_ALWAYS: Final = frozenset({"release", "releasedir", "write"})
"""Answered while the store is missing too: what is closed must not count as open for ever, and what a program wrote
before goes to files that are open."""

_log = logging.getLogger(__name__)


def new_entry(attr_timeout: float, entry_timeout: float) -> EntryAttributes:
    """Make an answer whose attributes and name the kernel may cache for so many seconds.

    With inode number 0, as it is at first, it says "no such name", which the kernel caches; an error it would not.
    """
    entry = EntryAttributes()
    entry.attr_timeout, entry.entry_timeout = attr_timeout, entry_timeout
    return entry


def list_dots(ino: int, offset: int, token: ReaddirToken, entry: EntryAttributes) -> bool:
    """List `.` and `..`; return False when there is no room.

    `entry` is overwritten; the kernel takes only number and type from it.
    """
    entry.st_mode = stat.S_IFDIR
    for following, (name, number) in enumerate([(b".", ino), (b"..", _PARENT_UNKNOWN)][offset:], offset + 1):
        entry.st_ino = number
        if not pyfuse3.readdir_reply(token, name, entry, following):
            return False
    return True


def statfs_answer(status: os.statvfs_result) -> StatvfsData:
    """Convert what statvfs(3) says of the file system that holds the store."""
    answer = StatvfsData()
    for field in _STATVFS_FIELDS:
        setattr(answer, field, getattr(status, field))
    answer.f_namemax = NAME_MAX
    return answer


def answer_requests(
    handlers: pyfuse3.Operations, operations: object, state: memoryview[int], expected: tuple[type[Exception], ...]
) -> None:
    """Replace each handler for which `operations` has a method by that method, guarded.

    Args:
        handlers: What pyfuse3 calls.
        operations: Gives the answers; its methods have the names and parameters of the handlers.
        state: The process's slot of the scoreboard.
        expected: As for `guard`.
    """
    for name in vars(type(operations)).keys() & _HANDLERS:
        setattr(handlers, name, guard(getattr(operations, name), state, expected))


def guard(
    answer: Callable[..., Any], state: memoryview[int], expected: tuple[type[Exception], ...]
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Make a handler of a method: each exception becomes an error number.

    (One that escapes would end the process.)

    Args:
        answer: Gives the answer; its first argument is an inode number or a handle.
        state: The process's slot of the scoreboard, which shows that it is busy.
        expected: Exceptions that are part of a file system's life, and logged only if they tell of damage or a full
            disk. Others are logged, with a traceback if they are not artfs's own.
    """
    always = answer.__name__ in _ALWAYS

    async def handler(*request: Any) -> Any:
        state[BUSY] = 1
        if state[STORE_MISSING] and not always:  # the supervisor has logged it
            raise FUSEError(errno.EIO)
        try:
            return answer(*request)
        except FUSEError:
            raise
        except Exception as error:  # noqa: BLE001 # one request fails, not the process
            number = errno_of(error)
            if number in _GRAVE or not isinstance(error, expected):
                trace = None if isinstance(error, (ArtfsError, *expected)) or is_of_store(error) else error
                what = str(error) or type(error)
                inode = f" of inode {request[0]}" if isinstance(request[0], int) else ""
                _log.error("%s%s: %s", answer.__name__, inode, what, exc_info=trace)
            raise FUSEError(number) from None

    return handler
