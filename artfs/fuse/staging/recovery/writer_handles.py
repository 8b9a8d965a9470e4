"""Record of the files open for writing, in shared memory that survives the server.

A commit waits until no file is open for writing, so the server that replaces a dead one has to know which are. The
kernel announces each open and each close once; twice, if the server that received it died before it answered.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections import Counter
from typing import Final

from artfs.closing import Closing

__all__ = ["WriterHandles"]

_RECORD: Final = struct.Struct("=Q")
_CLOSED: Final = 1 << 36
"""Marks the record of a close; a bit that no handle uses (see `inode_numbers`)."""
_COMPACT_BYTES: Final = 1 << 16


class WriterHandles(Closing):
    """Log of opens and closes for writing. Make it before forking; one server at a time uses it.

    Attributes:
        first: No server recovered from it before this one.
        recovered: Handles open when this server began, and how often each is.
    """

    def __init__(self) -> None:
        self.first = True
        self.recovered: Counter[int] = Counter()
        self._log = os.memfd_create("artfs-open-files", os.MFD_CLOEXEC)
        self._shared = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")  # answered length; 1 once a server has begun
        self._length = 0
        self._open = 0
        self._maybe_repeated = 0

    def close(self) -> None:
        """Close the log in this process."""
        os.close(self._log)

    def recover(self, *, resent: bool) -> None:
        """Read what earlier servers recorded.

        Args:
            resent: The kernel sends unanswered requests again. Otherwise an open that was not answered failed.
        """
        self.first, self._shared[1] = not self._shared[1], 1
        self._length = os.lseek(self._log, 0, os.SEEK_END)
        records = [record for (record,) in _RECORD.iter_unpack(os.pread(self._log, self._length, 0))]
        if self._length > self._shared[0]:
            if resent:
                self._maybe_repeated = records[-1]
            elif not records[-1] & _CLOSED:
                self.record_close(records[-1])
                records.pop()
                self.mark_answered()
        counts: Counter[int] = Counter()
        for record in records:
            counts[record & ~_CLOSED] += -1 if record & _CLOSED else 1
        self.recovered = +counts
        self._open = self.recovered.total()

    def record_open(self, handle: int) -> bool:
        """Record an open; False if an earlier server has recorded this one."""
        return self._record(handle, 1)

    def record_close(self, handle: int) -> bool:
        """Record a close; False if an earlier server has recorded this one."""
        new = self._record(handle | _CLOSED, -1)
        if self._open == 0 and self._length > _COMPACT_BYTES:
            os.ftruncate(self._log, 0)
            self._length = self._shared[0] = os.lseek(self._log, 0, os.SEEK_SET)
        return new

    def _record(self, record: int, difference: int) -> bool:
        if record == self._maybe_repeated:
            self._maybe_repeated = 0
            return False
        self._open += difference
        self._length += os.write(self._log, _RECORD.pack(record))
        return True

    def mark_answered(self) -> None:
        """Note that the kernel was answered: it repeats nothing that is recorded so far."""
        self._shared[0] = self._length

    def end_replay(self) -> None:
        """Expect no repeated request from now on."""
        self._maybe_repeated = 0
