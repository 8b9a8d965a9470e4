"""Prove that a later change of a file's contents will show in its size or times.

A store through a shared mapping moves a file's times once, when it makes a clean page dirty; what is stored into that
page before the kernel has written it out moves nothing. So a file that somebody has mapped while it is read may look
the same later and have other contents.

- A read lease is refused while anybody has the file open for writing, or mapped. Where it is granted, whoever changes
  the file later opens it first, and makes a clean page of a new mapping dirty.
- Where there are no leases (another user's file, some file systems) the pages are written out: the next store finds
  them clean.
- On overlayfs a lease shows no mapping, and only fdatasync writes out. It takes longer than to read a small file again.
- NFS writes the pages out when it is asked for size and times.
- On tmpfs no mapping ever moves a time, on FUSE that is the daemon's choice: nothing is proved.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
from functools import cache
from typing import Any, Final

from artfs.files.writes import write_out

__all__ = ["LaterChanges", "has_writer"]

_HUGETLBFS: Final = 0x958458F6
_RAMFS: Final = 0x858458F6
_TMPFS: Final = 0x01021994
_FUSE: Final = 0x65735546
_NFS: Final = 0x6969
_OVERLAYFS: Final = 0x794C7630

_SYNCED_BYTES: Final = 1 << 20
"""A smaller file is read again as quickly as it is synced: 0.4 ms on a virtual disk."""


class LaterChanges:
    """Prover for the files of one scan: it remembers the types of their file systems by device number."""

    def __init__(self) -> None:
        self._types: dict[int, int] = {}

    def will_show(self, descriptor: int, status: os.stat_result) -> bool:
        """Return whether any change from now on will show in a file's size or times, but for the clock's resolution.

        Args:
            descriptor: The file, open for reading only. Contents that are read from now on are those that are proved.
            status: Its fstat(2).
        """
        kind = self._types.get(status.st_dev)
        if kind is None:
            kind = self._types[status.st_dev] = _file_system_type(descriptor)
        if kind == _NFS:
            return True
        if kind in {_TMPFS, _RAMFS, _HUGETLBFS, _FUSE}:
            return False
        try:
            if kind == _OVERLAYFS:
                if status.st_size < _SYNCED_BYTES:
                    return False
                os.fdatasync(descriptor)
            elif (written := has_writer(descriptor)) is not None:
                return not written
            else:
                write_out(descriptor)
        except OSError:
            return False
        return True


def has_writer(descriptor: int) -> bool | None:
    """Return whether anybody has a file open for writing, or mapped; None where there are no leases.

    Args:
        descriptor: The file, open for reading only.
    """
    call = _fcntl()
    call(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # SIGIO, if somebody opens it meanwhile, would end us
    if call(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK):
        return True if ctypes.get_errno() == errno.EAGAIN else None
    call(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


@cache
def _fcntl() -> Any:
    """The system call, without letting other threads run: waiting for them would take longer than the call."""
    return ctypes.PyDLL(None, use_errno=True).fcntl


def _file_system_type(descriptor: int) -> int:
    """Return the `f_type` of fstatfs(2), 0 if the system does not say."""
    buffer = ctypes.create_string_buffer(256)
    if ctypes.CDLL(None).fstatfs(descriptor, buffer):
        return 0
    return ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF
