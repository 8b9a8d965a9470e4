"""Room on the disk that is asked for before there is anything to put into it."""

from __future__ import annotations

import ctypes
import os
from typing import Final

__all__ = ["reserve"]

_KEEP_SIZE: Final = 1
"""FALLOC_FL_KEEP_SIZE of <linux/falloc.h>: the file does not become longer."""

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def reserve(descriptor: int, offset: int, size: int) -> None:
    """Have room for a range of a file, which becomes no longer: writing there cannot fail for want of it.

    Raises:
        OSError: There is not so much; or (EOPNOTSUPP) the file system cannot do that.
    """
    if _libc.fallocate(descriptor, _KEEP_SIZE, offset, size):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
