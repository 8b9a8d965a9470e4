"""Size of the memory map of an environment: 1 TiB, or less under a limit of address space.

Batch systems limit the address space of a job (`ulimit -v`), and a map counts as a whole.
"""

from __future__ import annotations

import mmap
import resource
from typing import Final

__all__ = ["LEAST_ROOM", "WHOLE", "has_addresses", "is_limited", "map_size"]

WHOLE: Final = 1 << 40
LEAST_ROOM: Final = 96 << 20
"""Bytes that a transaction of usual size (64 MiB at most) adds to the file, at the most."""
_MOST_ROOM: Final = 256 << 20
_SHARE: Final = 16


def is_limited() -> bool:
    """True if the address space of this process is too small for maps of 1 TiB."""
    limit, _hard = resource.getrlimit(resource.RLIMIT_AS)
    return limit != resource.RLIM_INFINITY and limit < 4 * WHOLE


def map_size(data: int) -> int:
    """Return the bytes to map for a file of so many bytes, where the address space is limited."""
    limit, _hard = resource.getrlimit(resource.RLIMIT_AS)
    room = _MOST_ROOM if limit == resource.RLIM_INFINITY else min(_MOST_ROOM, max(2 * LEAST_ROOM, limit // _SHARE))
    page = mmap.PAGESIZE
    return (data + room + page - 1) // page * page


def has_addresses(size: int) -> bool:
    """True if this process can map so many bytes more: LMDB does not survive a map that it is refused."""
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0), prot=mmap.PROT_READ).close()
    except OSError:
        return False
    return True
