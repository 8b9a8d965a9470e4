"""Which files are open for writing, in memory that outlives the process that serves: its successor has to know.

A commit waits until nobody writes. The kernel says when a file is opened and closed, but only once; or twice, if who
heard it first died before it could answer.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections import Counter
from typing import Final

__all__ = ["OpenFiles"]

_RECORD: Final = struct.Struct("=Q")
_CLOSED: Final = 1 << 36
"""Between the bits of a handle; see `numbers`."""
_LONG: Final = 1 << 16


class OpenFiles:
    """Handles of files that are open for writing. Make it before forking; one process at a time uses it.

    Attributes:
        known: Those that processes before this one were told of, and how often each, once it is recalled.
    """

    def __init__(self) -> None:
        self.known: Counter[int] = Counter()
        self._memory = os.memfd_create("artfs-open-files", os.MFD_CLOEXEC)
        self._answered = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
        self._length = 0
        self._open = 0
        self._doubtful = 0

    def recall(self, *, again: bool) -> None:
        """Learn what processes before this one were told.

        Args:
            again: The kernel says again what it was not answered; otherwise a file was not opened then.
        """
        self._length = os.lseek(self._memory, 0, os.SEEK_END)
        records = [record for (record,) in _RECORD.iter_unpack(os.pread(self._memory, self._length, 0))]
        if self._length > self._answered[0]:
            if again:
                self._doubtful = records[-1]
            elif not records[-1] & _CLOSED:
                self.closed(records[-1])
                records.pop()
                self.answered()
        found: Counter[int] = Counter()
        for record in records:
            found[record & ~_CLOSED] += -1 if record & _CLOSED else 1
        self.known = +found
        self._open = self.known.total()

    def opened(self, handle: int) -> bool:
        """A file was opened for writing; tells whether that is new."""
        return self._note(handle, 1)

    def closed(self, handle: int) -> bool:
        """It was closed; tells whether that is new."""
        new = self._note(handle | _CLOSED, -1)
        if self._open == 0 and self._length > _LONG:
            os.ftruncate(self._memory, 0)
            self._length = self._answered[0] = os.lseek(self._memory, 0, os.SEEK_SET)
        return new

    def _note(self, record: int, difference: int) -> bool:
        if record == self._doubtful:
            self._doubtful = 0
            return False
        self._open += difference
        self._length += os.write(self._memory, _RECORD.pack(record))
        return True

    def answered(self) -> None:
        """The kernel was answered: it will say none of it again."""
        self._answered[0] = self._length

    def caught_up(self) -> None:
        """What the process before this one was told is not said again from now on."""
        self._doubtful = 0
