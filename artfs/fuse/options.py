"""How a mount is to be served."""

from __future__ import annotations

import os
from dataclasses import dataclass

from artfs.errors import InvalidInputError

__all__ = ["MountOptions"]


@dataclass(frozen=True, slots=True)
class MountOptions:
    """How a mount is to be served.

    Attributes:
        workers: Processes that answer requests, each one at a time. None: as many as there are cores, 4 to 8.
        max_workers: So many at the most, when all of them are busy with slow requests.
        allow_other: Let other users in (an ordinary user needs `user_allow_other` in /etc/fuse.conf for it).
        spin_us: Microseconds that a worker polls for the next request before it sleeps: quicker answers to a single
            client where cores are idle, and fewer answers where they are not (half as many on two busy cores).
        readahead_kib: How far the kernel reads ahead of a sequential reader; 0 leaves it as the kernel has it, 128 KiB,
            as it also stays where root does not mount. Four times that was a third quicker here, eight times slower.
        cache_mib: Memory for decompressed chunks, shared by all workers; 0 for none.
        writeback_cache: Of a staging mount: let the kernel gather small writes before it hands them on.
    """

    workers: int | None = None
    max_workers: int = 32
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
    def seat_count(self) -> int:
        """Workers that wait for requests at a time while all are quick: no more than there are cores."""
        return min(self.worker_count, _cores())


def _cores() -> int:
    return len(os.sched_getaffinity(0))
