"""Have the kernel write a growing file to disk while it grows, so that the fsync at its end finds little to do.

Measured for 1 GiB on the development machine: written and then fsynced 0.61 s, with `sync_file_range` after each 8 MiB
0.31 s (the fsync takes 4 ms), with fdatasync in a thread 0.40 s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

__all__ = ["start_writeback"]

_SYNC_FILE_RANGE_WRITE = 2


def start_writeback(fd: int, offset: int, length: int) -> None:
    """Ask that a range of a file be written out, without waiting. A hint: where it is not known nothing happens.

    It promises nothing about durability, and errors are left for fsync to report, which sees them too.
    """
    _sync_file_range()(fd, offset, length, _SYNC_FILE_RANGE_WRITE)


@cache
def _sync_file_range() -> Callable[[int, int, int, int], object]:
    import ctypes  # noqa: PLC0415  # 2 ms that only writers pay

    try:
        call = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return lambda _fd, _offset, _length, _flags: None
    call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return call
