"""Options of a mount."""

from __future__ import annotations

import os
from dataclasses import dataclass

from artfs.errors import InvalidInputError

__all__ = ["MountOptions"]


@dataclass(frozen=True, slots=True)
class MountOptions:
    """Options of a mount.

    Attributes:
        workers: Processes that answer requests, each one at a time. None: as many as there are cores, 4 to 8.
        max_workers: The most that there may be, when all others are busy with slow requests. Each reader of an object
            elsewhere that does not come keeps one busy for up to a minute.
        allow_other: Let other users in (an ordinary user needs `user_allow_other` in /etc/fuse.conf for it).
        spin_us: Microseconds that a worker polls for the next request before it sleeps: quicker answers to a single
            client where cores are idle, and fewer answers where they are not (half as many on two busy cores).
        readahead_kib: The kernel reads so far ahead of a sequential reader; 0 leaves its default of 128 KiB, which also
            stays where root does not mount. Four times that was a third quicker here, eight times slower.
        cache_mib: Memory for decompressed chunks, shared by all workers; 0 for none.
        writeback_cache: In a staging mount, let the kernel gather small writes before it sends them.
    """

    workers: int | None = None
    max_workers: int = 128
    allow_other: bool = False
    spin_us: int = 0
    readahead_kib: int = 512
    cache_mib: int = 64
    writeback_cache: bool = True

    def __post_init__(self) -> None:
        if self.workers is not None and not 1 <= self.workers <= self.max_workers:
            raise InvalidInputError(f"{self.workers} workers: choose from 1 to {self.max_workers}")
        if not 1 <= self.max_workers <= 1000:
            raise InvalidInputError(f"at most {self.max_workers} workers: choose from 1 to 1000")
        if min(self.spin_us, self.readahead_kib, self.cache_mib) < 0:
            raise InvalidInputError("a mount's times and sizes are not negative")

    @property
    def worker_count(self) -> int:
        """Workers to start with."""
        return self.workers or min(max(4, _cores()), 8, self.max_workers)

    @property
    def accept_lock_count(self) -> int:
        """Workers that wait for requests at a time while requests are quick: at most one a core."""
        return min(self.worker_count, _cores())


def _cores() -> int:
    return len(os.sched_getaffinity(0))
