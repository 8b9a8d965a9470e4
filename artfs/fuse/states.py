"""What workers tell their supervisor: a few words of shared memory per worker, and a page for the last words of one.

Each worker writes its own slot and the supervisor reads it (and sets RETIRE and APART), both without locks: every field
is one aligned 64-bit word.
"""

from __future__ import annotations

import mmap
from typing import Final

__all__ = ["APART", "BUSY", "FINISHED", "FINISHING", "READY", "RETIRE", "WAITING", "States"]

READY: Final = 0
"""1 once the worker has opened the store and takes requests."""
BUSY: Final = 1
"""1 while a request is being answered."""
FINISHED: Final = 2
"""Requests answered so far."""
RETIRE: Final = 3
"""1 when the worker is to end: after its next request, or now if it waits for a seat."""
FINISHING: Final = 4
"""1 while an unmounted process is at something that is not to be cut short."""
WAITING: Final = 5
"""1 while the worker waits for a seat, and so receives no request."""
APART: Final = 6
"""1 if the worker needs no seat."""

_WORDS: Final = 8  # a cache line each, so that workers do not take it from one another
_PAGE: Final = mmap.PAGESIZE


class States:
    """The shared memory of a supervisor and its workers; make it before forking.

    Args:
        slots: How many workers there may be.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._memory = mmap.mmap(-1, _PAGE + slots * _WORDS * 8)
        self._words = memoryview(self._memory)[_PAGE:].cast("Q")

    def slot(self, number: int) -> memoryview[int]:
        """The words of one worker, to be indexed by the constants of this module."""
        return self._words[number * _WORDS : (number + 1) * _WORDS]

    def clear(self, number: int) -> None:
        """Make a slot ready for a new worker."""
        words = self.slot(number)
        for index in range(_WORDS):
            words[index] = 0

    @property
    def last_words(self) -> bytes:
        """What the worker that could not start said last."""
        return self._memory[:_PAGE].rstrip(b"\0")

    @last_words.setter
    def last_words(self, text: bytes) -> None:
        self._memory[:_PAGE] = text[:_PAGE].ljust(_PAGE, b"\0")
