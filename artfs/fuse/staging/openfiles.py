"""Which files are open for writing, in memory that outlives the process that serves: its successor has to know.

A commit waits until nobody writes. The kernel says when a file is opened and closed, but only once.
"""

from __future__ import annotations

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
    """Handles of files that are open for writing. Make it before forking; one process at a time uses it."""

    def __init__(self) -> None:
        self._memory = os.memfd_create("artfs-open-files", os.MFD_CLOEXEC)
        self._length = 0
        self._open = 0

    def recall(self) -> Counter[int]:
        """The handles that processes before this one were told of, and how often each."""
        self._length = os.lseek(self._memory, 0, os.SEEK_END)
        found: Counter[int] = Counter()
        for (record,) in _RECORD.iter_unpack(os.pread(self._memory, self._length, 0)):
            found[record & ~_CLOSED] += -1 if record & _CLOSED else 1
        found = +found
        self._open = found.total()
        return found

    def opened(self, handle: int) -> None:
        """A file was opened for writing."""
        self._open += 1
        self._note(handle)

    def closed(self, handle: int) -> None:
        """It was closed."""
        self._open -= 1
        self._note(handle | _CLOSED)
        if self._open == 0 and self._length > _LONG:
            os.ftruncate(self._memory, 0)
            self._length = os.lseek(self._memory, 0, os.SEEK_SET)

    def _note(self, record: int) -> None:
        self._length += os.write(self._memory, _RECORD.pack(record))
