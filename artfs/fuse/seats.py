"""Which workers wait for requests: only those that have a seat, as long as requests are quick.

The kernel hands requests to waiting processes in turn. Four workers that wait for the quick requests of a warm mount
therefore each answer every fourth, each with the processor's caches full of what others did: on two cores, opens from
four clients were 1.23 times as quick with two of four workers waiting as with all, and 1.08 times as with one.

What waits for the disk is quicker with more workers. So whoever is to read data leaves the seat to another first. That
is so common, where it happens at all, that a worker then needs no seat for its next requests: while there is something
to read every few requests, all workers wait for them. What is loaded from the index is mostly in memory, and best held
by one worker; the seat is left for that only after it came slowly.

A seat is a POSIX record lock on a byte of a memory file, which the kernel drops when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from artfs.fuse.states import APART, WAITING

__all__ = ["Seat", "Seats"]

_REQUESTS_WITHOUT: Final = 32
"""How many requests a worker answers without a seat after it has read. A file that is opened, read and closed is four;
with 3 in place of 32, ten thousand cold ones took a tenth longer."""
_SLOW_SECONDS: Final = 0.002
"""A disk with moving parts takes longer than that for one page of the index, and one without does not."""
_SLOW_LOADS: Final = 64
"""For how many loads the seat is left after one that was slow."""

Clock: TypeAlias = Callable[[], float]


class Seats:
    """The seats of a mount. Make them before forking.

    Args:
        count: How many workers wait for requests at a time when all requests are quick.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._file = os.memfd_create("artfs-seats", os.MFD_CLOEXEC)

    def seat(self, slot: int, state: memoryview[int], clock: Clock = time.monotonic) -> Seat:
        """The seat that a worker shares with others.

        Args:
            slot: The worker's number.
            state: Its shared memory.
            clock: Seconds that only grow.
        """
        return Seat(self._file, slot % self._count, state, clock)


class Seat:
    """One worker's view of the seat that it shares with others."""

    def __init__(self, file: int, number: int, state: memoryview[int], clock: Clock) -> None:
        self._file = file
        self._number = number
        self._state = state
        self._clock = clock
        self._taken = False
        self._without = 0
        self._loading = 0.0  # since when something is loaded for the present request
        self._slow_loads = 0

    def take(self) -> None:
        """Wait until this worker may wait for a request."""
        if self._loading:
            if self._clock() - self._loading > _SLOW_SECONDS:
                self._slow_loads = _SLOW_LOADS
            self._loading = 0.0
        if self._taken or self._state[APART]:
            return
        if self._without:
            self._without -= 1
            return
        self._state[WAITING] = 1
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._number)
        self._state[WAITING] = 0
        self._taken = True

    def before_loading(self) -> None:
        """Something is to be loaded from the index: leave the seat if that took long lately."""
        if self._slow_loads:
            self._slow_loads -= 1
            self.leave()
        self._loading = self._loading or self._clock()

    def before_reading(self) -> None:
        """Data is to be read: leave the seat, and need none for the next requests."""
        self._without = _REQUESTS_WITHOUT
        self.leave()

    def leave(self) -> None:
        """Let another worker wait for requests."""
        if self._taken:
            self._taken = False
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._number)
