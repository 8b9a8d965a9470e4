"""Scoreboard: shared memory with counters and flags of each process of a mount.

Each worker writes its own slot and the supervisor reads it (and sets RETIRE, LOCK_FREE and STORE_MISSING), both without
locks: every field is one aligned 64-bit word. A page before the slots is for the error of a process that could not
start.
"""

from __future__ import annotations

import mmap
import signal
from typing import Final

__all__ = [
    "AWAY",
    "BUSY",
    "FINISHED",
    "FINISHING",
    "LOCK_FREE",
    "READY",
    "RETIRE",
    "STORE_MISSING",
    "WAITING",
    "WAKE_SIGNAL",
    "Scoreboard",
    "note_wait",
]

READY: Final = 0
"""1 once the worker has opened the store and takes requests."""
BUSY: Final = 1
"""1 while a request is being answered, `AWAY` while that waits for the network."""
FINISHED: Final = 2
"""Requests answered so far."""
RETIRE: Final = 3
"""1 when the worker is to end: after its present request, if it has one. `WAKE_SIGNAL` wakes it if it sleeps."""
FINISHING: Final = 4
"""1 while a process finishes, after the unmount, work that must not be cut short."""
WAITING: Final = 5
"""1 while the worker waits for the accept lock, and so receives no request."""
LOCK_FREE: Final = 6
"""1 if the worker needs no accept lock."""
STORE_MISSING: Final = 7
"""1 while the store is not where it was mounted from: requests are refused."""

AWAY: Final = 2

WAKE_SIGNAL: Final = signal.SIGUSR1

_WORDS: Final = 8  # a cache line each, so that workers do not take it from one another
_PAGE: Final = mmap.PAGESIZE


class Scoreboard:
    """Shared memory of a supervisor and its workers; make it before forking.

    Args:
        slots: The number of workers that there may be at a time.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._memory = mmap.mmap(-1, _PAGE + slots * _WORDS * 8)
        self._words = memoryview(self._memory)[_PAGE:].cast("Q")

    def slot(self, number: int) -> memoryview[int]:
        """Return the words of one worker, indexed by the constants of this module."""
        return self._words[number * _WORDS : (number + 1) * _WORDS]

    def clear(self, number: int) -> None:
        """Set a slot to 0 for a new worker."""
        words = self.slot(number)
        for index in range(_WORDS):
            words[index] = 0

    @property
    def startup_error(self) -> bytes:
        """The error of the last process that could not start, encoded."""
        return self._memory[:_PAGE].rstrip(b"\0")

    @startup_error.setter
    def startup_error(self, text: bytes) -> None:
        self._memory[:_PAGE] = text[:_PAGE].ljust(_PAGE, b"\0")


def note_wait(state: memoryview[int], waits: bool) -> None:
    """Note in a worker's slot that the request that it answers waits for the network, or does so no longer."""
    if state[BUSY]:
        state[BUSY] = AWAY if waits else 1
