"""Accept locks: only workers that hold one wait for requests, as long as requests are quick.

The kernel hands requests to waiting processes in turn. Four workers that wait for the quick requests of a warm mount
therefore each answer every fourth, each with the processor's caches full of other processes' data: on two cores, opens
from four clients were 1.23 times as quick with two of four workers waiting as with all, and 1.08 times as with one.

Requests that wait for the disk are quicker with more workers. So a worker releases the lock before it reads data. That
is so common, where it happens at all, that it then needs no lock for its next requests: while there is data to read
every few requests, all workers wait for them. Nodes loaded from the index are mostly in memory, and best cached by one
worker; for them the lock is released only while they come slowly.

An accept lock is a POSIX record lock on a byte of a memory file, which the kernel releases when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from artfs.closing import Closing
from artfs.fuse.prefork.scoreboard import LOCK_FREE, WAITING

__all__ = ["AcceptLock", "AcceptLocks"]

_FREE_REQUESTS: Final = 32
"""Requests that a worker answers without the lock after it has read. A file that is opened, read and closed is four;
with 3 in place of 32, ten thousand cold ones took a tenth longer."""
_SLOW_SECONDS: Final = 0.002
"""A disk with moving parts takes longer than that for one page of the index, and one without does not."""
_SLOW_LOADS: Final = 64
"""Loads before each of which the lock is released, after one that was slow."""

Clock: TypeAlias = Callable[[], float]


class AcceptLocks(Closing):
    """The accept locks of a mount. Make them before forking.

    Args:
        count: Workers that wait for requests at a time when all requests are quick.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._file = os.memfd_create("artfs-accept-locks", os.MFD_CLOEXEC)

    def close(self) -> None:
        """Close the file of the locks in this process."""
        os.close(self._file)

    def lock(self, slot: int, state: memoryview[int], clock: Clock = time.monotonic) -> AcceptLock:
        """Make the view of one worker.

        Args:
            slot: The worker's slot.
            state: Its words in the scoreboard.
            clock: Seconds of a clock that never goes back.
        """
        return AcceptLock(self._file, slot % self._count, state, clock)


class AcceptLock:
    """A worker's view of the lock that it shares with others."""

    def __init__(self, file: int, number: int, state: memoryview[int], clock: Clock) -> None:
        self._file = file
        self._number = number
        self._state = state
        self._clock = clock
        self._held = False
        self._free_requests = 0
        self._loading = 0.0  # the time at which the present request began to load from the index
        self._slow_loads = 0

    def acquire(self) -> None:
        """Wait until this worker may wait for a request."""
        if self._loading:
            if self._clock() - self._loading > _SLOW_SECONDS:
                self._slow_loads = _SLOW_LOADS
            self._loading = 0.0
        if self._held or self._state[LOCK_FREE]:
            return
        if self._free_requests:
            self._free_requests -= 1
            return
        self._state[WAITING] = 1
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._number)
        self._state[WAITING] = 0
        self._held = True

    def before_loading(self) -> None:
        """Release the lock before a node is loaded from the index, if that took long lately."""
        if self._slow_loads:
            self._slow_loads -= 1
            self.release()
        self._loading = self._loading or self._clock()

    def before_reading(self) -> None:
        """Release the lock before data is read, and need none for the next requests."""
        self._free_requests = _FREE_REQUESTS
        self.release()

    def release(self) -> None:
        """Let another worker wait for requests."""
        if self._held:
            self._held = False
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._number)
