"""Which workers wait for requests: only those that have a seat, as long as requests are quick.

The kernel hands requests to waiting processes in turn. Four workers that wait for the quick requests of a warm mount
therefore each answer every fourth, each with the processor's caches full of what others did: on two cores, opens from
four clients were 1.45 times, and a walk 1.6 times as quick with one of four workers waiting.

What may wait for the disk is quicker with more workers. So whoever is about to do that leaves the seat to another
first. To read data is so common, where it happens at all, that a worker then needs no seat for its next requests: while
there is something to read every few requests, all workers wait for them.

A seat is a POSIX record lock on a byte of a memory file, which the kernel drops when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

from artfs.fuse.states import APART, WAITING

__all__ = ["Seat", "Seats"]

_REQUESTS_WITHOUT: Final = 32
"""How many requests a worker answers without a seat after it has read. A file that is opened, read and closed is four;
with 3 in place of 32, ten thousand cold ones took a tenth longer."""


class Seats:
    """The seats of a mount. Make them before forking.

    Args:
        count: How many workers wait for requests at a time when all requests are quick.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._file = os.memfd_create("artfs-seats", os.MFD_CLOEXEC)

    def seat(self, slot: int, state: memoryview[int]) -> Seat:
        """The seat that a worker shares with others.

        Args:
            slot: The worker's number.
            state: Its shared memory.
        """
        return Seat(self._file, slot % self._count, state)


class Seat:
    """One worker's view of the seat that it shares with others."""

    def __init__(self, file: int, number: int, state: memoryview[int]) -> None:
        self._file = file
        self._number = number
        self._state = state
        self._taken = False
        self._without = 0

    def take(self) -> None:
        """Wait until this worker may wait for a request."""
        if self._taken or self._state[APART]:
            return
        if self._without:
            self._without -= 1
            return
        self._state[WAITING] = 1
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._number)
        self._state[WAITING] = 0
        self._taken = True

    def go_without(self) -> None:
        """Leave the seat, and need none for the next requests."""
        self._without = _REQUESTS_WITHOUT
        self.leave()

    def leave(self) -> None:
        """Let another worker wait for requests: this one is about to do something that may take its time."""
        if self._taken:
            self._taken = False
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._number)
