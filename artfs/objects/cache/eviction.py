"""Eviction: which objects leave the cache when there is no room for more.

Those that were not used for longest go, as a whole. A file that goes is emptied before its name: a reader that has it
open finds nothing in it, and its room is free at once.
"""

from __future__ import annotations

import fcntl
import heapq
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["KEEP_SUFFIX", "CachedFile", "cached_files", "evict_oldest", "exclusively", "remove"]

KEEP_SUFFIX: Final = ".keep"
"""Of the empty file beside an object's that holds it against eviction."""
_SECTOR: Final = 512


class CachedFile(NamedTuple):
    """A file of the cache.

    Attributes:
        used_ns: When it was last used.
        room: Bytes that it takes on the disk.
        path: Its path.
        kept: It is held against eviction.
    """

    used_ns: int
    room: int
    path: str
    kept: bool


def cached_files(objects: Path) -> Iterator[CachedFile]:
    """Yield the files of all objects in the cache; those that go meanwhile may be left out."""
    for directory in sorted(objects.iterdir()):
        with suppress(FileNotFoundError), os.scandir(directory) as scan:
            found = {entry.name: entry for entry in scan}
            for name, entry in found.items():
                if not name.endswith(KEEP_SUFFIX):
                    with suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        kept = name + KEEP_SUFFIX in found
                        yield CachedFile(status.st_mtime_ns, status.st_blocks * _SECTOR, entry.path, kept)


def evict_oldest(objects: Path, room: int, spared: str) -> tuple[int, int]:
    """Remove the files that were not used for longest; return the bytes that were freed, and those that are left.

    Args:
        objects: The directory of the cache that they are in.
        room: Bytes to free.
        spared: Path of a file that stays.
    """
    oldest: list[tuple[int, int, str]] = []  # a heap with the newest on top: no more of them than it takes
    chosen = total = 0
    for file in cached_files(objects):
        total += file.room
        if file.kept or file.path == spared:
            continue
        heapq.heappush(oldest, (-file.used_ns, file.room, file.path))
        chosen += file.room
        while chosen - oldest[0][1] >= room:
            chosen -= heapq.heappop(oldest)[1]
    freed = 0
    for _used, size, path in oldest:
        remove(path)
        freed += size
    return freed, total - freed


def remove(path: str) -> None:
    """Remove the file of an object, which others may have open."""
    with suppress(FileNotFoundError):
        os.truncate(path, 0)
        os.unlink(path)


@contextmanager
def exclusively(lock: Path) -> Iterator[None]:
    """Let one process at a time, and one thread of it, do what the block does."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
