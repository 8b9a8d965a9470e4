"""How large amounts of bytes are handed to the kernel, so that it takes them quickly.

**In pieces of 512 KiB.** The page cache takes memory for a write in one block as large as the write, up to 2 MiB.
Blocks of that size are what a virtual machine gives back to its host when they are free, and to get them again costs
more than the copying: 1.4 GB written in calls of 8 MiB took 2.9 s, in calls of 512 KiB 0.35 s (1 MiB: 0.6 to 2.5 s;
64 KiB: 0.5 s). Where memory does not come and go like this the size makes no difference.

**Written out while the file grows**, so that the fsync at its end finds little to do. 1 GiB written and then fsynced
took 0.61 s, with `sync_file_range` after each 8 MiB 0.31 s (the fsync takes 4 ms), with fdatasync in a thread 0.40 s.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from artfs.files import write_all
from artfs.format.digest import Data

__all__ = ["pieces", "pwrite", "pwrite_all", "start_writeback"]

_PIECE: Final = 512 << 10
_SYNC_FILE_RANGE_WRITE: Final = 2


def pieces(data: Data) -> Iterator[memoryview]:
    """Cut what is to be written into what one call should write."""
    view = memoryview(data)
    for at in range(0, len(view), _PIECE):
        yield view[at : at + _PIECE]


def pwrite_all(fd: int, data: Data, offset: int) -> None:
    """Write all of it at an offset, however often the system stops in the middle.

    Raises:
        OSError: Not all could be written.
    """
    for piece in pieces(data):
        write_all(fd, piece, offset)
        offset += len(piece)


def pwrite(fd: int, data: Data, offset: int) -> int:
    """Write at an offset; tells how much, which is less than asked when the disk became full.

    Raises:
        OSError: Nothing could be written.
    """
    done = 0
    for piece in pieces(data):
        try:
            written = os.pwrite(fd, piece, offset + done)
        except OSError:
            if done:
                break
            raise
        done += written
        if written < len(piece):
            break
    return done


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
