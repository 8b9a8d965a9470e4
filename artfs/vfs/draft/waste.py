"""Data files that no row names any more, until they can be removed.

A power cut may undo what the log was not synced with, and then the rows name again what they had named before: a file
that was synced, and replaced since, has to have its bytes still. So what a change gives up stays until that change is
durable. Nor does it go while a commit may be reading it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from artfs.vfs.draft.datafiles import SPOOL, DataFiles
from artfs.vfs.draft.spool import Spool

__all__ = ["Waste"]

_AT_A_TIME: Final = 1000
_DUE_PIECES: Final = 4096
_DUE_BYTES: Final = 256 << 20
_SCARCE_BYTES: Final = 1 << 30
"""With less room than this, whoever removes something is to have the room of it at once."""


class Waste:
    """Keeps what is given up, and removes it.

    Args:
        files: The data files.
        spool: Those that small files share.

    Attributes:
        frozen: A commit may be reading what is given up.
        kept: It cannot be told whether another row names it: a row is damaged.
    """

    def __init__(self, files: DataFiles, spool: Spool) -> None:
        self._files = files
        self._spool = spool
        self._noted: list[tuple[int, int, int]] = []
        self._pieces: deque[tuple[int, int, int]] = deque()
        self._bytes = 0
        self.frozen = False
        self.kept = False

    def note(self, data: int, base: int, size: int) -> None:
        """A change that is being made gives up a data file; or a place in one that is shared.

        Args:
            data: Its number.
            base: Where the place is.
            size: How many bytes are about to be freed.
        """
        self._noted.append((data, base, size))

    def spare(self) -> None:
        """That change was not made."""
        self._noted.clear()

    def accept(self) -> None:
        """It was made."""
        self._bytes += sum(size for _data, _base, size in self._noted)
        self._pieces += self._noted
        self._noted.clear()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that can be removed."""
        return self.frozen or self.kept or not self._pieces

    @property
    def is_due(self) -> bool:
        """Whether it is worth making all changes durable, so as to remove it."""
        if self.is_empty:
            return False
        if len(self._pieces) >= _DUE_PIECES or self._bytes >= _DUE_BYTES:
            return True
        return self._is_scarce()

    def _is_scarce(self) -> bool:
        room = self._files.free_space()
        return room.f_bavail * room.f_frsize < _SCARCE_BYTES

    def remove(self, *, idle: bool = False) -> None:
        """Remove some of it. All changes so far are durable.

        Args:
            idle: There is nothing better to do.
        """
        for _ in range(0 if self.is_empty else min(_AT_A_TIME, len(self._pieces))):
            data, base, size = self._pieces.popleft()
            self._bytes -= size
            if data & SPOOL:
                self._spool.release(data, base)
            else:
                self._files.remove(data)
        self._spool.give_back(every=idle or self._is_scarce())
