"""Counters of a cache that all its processes add to: a small file under a record lock."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from artfs.closing import Closing

__all__ = ["Counters"]

_NAMES: Final = ("used_bytes", "hits", "hit_bytes", "requests", "fetched_bytes")
_FORM: Final = struct.Struct("<5q")


class Counters(Closing):
    """Bytes in the cache, reads that it answered, and requests that were made.

    They are not synced: a count that a crash took is off until the cache is next counted.

    Args:
        path: Of the file; it is made if it is not there.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._threads = threading.Lock()

    def get(self) -> dict[str, int]:
        """Return all counters by name."""
        return dict(zip(_NAMES, self._read(), strict=True))

    def add(self, **amounts: int) -> dict[str, int]:
        """Add to some counters; return all."""
        return self._change(lambda name, value: value + amounts.get(name, 0))

    def set_used(self, used_bytes: int) -> None:
        """Set the bytes in the cache, after they were counted."""
        self._change(lambda name, value: used_bytes if name == "used_bytes" else value)

    def _change(self, change: Callable[[str, int], int]) -> dict[str, int]:
        with self._threads:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)  # of this process: one that was forked excludes it too
            try:
                values = {name: max(0, change(name, value)) for name, value in self.get().items()}
                with suppress(OSError):  # a full disk: the counts are off until the next look
                    os.pwrite(self._descriptor, _FORM.pack(*values.values()), 0)
                return values
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _read(self) -> tuple[int, ...]:
        data = os.pread(self._descriptor, _FORM.size, 0)
        return _FORM.unpack(data) if len(data) == _FORM.size else (0,) * len(_NAMES)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
