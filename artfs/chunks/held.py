"""What readers hold for a while, in the order of its last use. Threads look things up without a lock."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TypeVar

from artfs.chunks.cache import Fill
from artfs.format.digest import Data

__all__ = ["RecentChunks", "used"]

_Held = TypeVar("_Held")


def used(held: OrderedDict[bytes, _Held], key: bytes) -> None:
    """Note that something was used just now; another thread may have thrown it out meanwhile."""
    try:  # noqa: SIM105 - a suppress() would cost more than all the rest, in each request of a mount
        held.move_to_end(key)
    except KeyError:
        pass


class RecentChunks:
    """The decompressed chunks that one process read portions of last: a `PlainCache` that threads may share.

    Without it a file that is read line by line is decompressed once for each portion. What is here was verified as it
    came in, and is this process's own.

    Args:
        budget: Bytes to hold at the most, but for one chunk.
    """

    def __init__(self, budget: int = 16 << 20) -> None:
        self._room = budget
        self._lock = threading.Lock()  # held to take chunks in and throw them out
        self._plain: OrderedDict[bytes, Data] = OrderedDict()

    def get_or_fill(self, digest: bytes, plain_len: int, start: int, length: int, fill: Fill) -> Data:
        """See `PlainCache`."""
        plain = self._plain.get(digest)
        if plain is None:
            plain = fill()[0]
            with self._lock:
                if digest not in self._plain:
                    self._plain[digest] = plain
                    self._room -= plain_len
                while self._room < 0 and len(self._plain) > 1:
                    self._room += len(self._plain.popitem(last=False)[1])
        else:
            used(self._plain, digest)
        return memoryview(plain)[start : start + length]
