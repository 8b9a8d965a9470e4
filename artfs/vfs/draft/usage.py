"""Who uses an inode: how often the kernel was told of it, and who has it open. Gone with the process that serves.

A process that takes another's place knows nothing of what the kernel was told before: it takes all inodes that there
were then for used, until the kernel forgets them.
"""

from __future__ import annotations

from collections import Counter

from artfs.vfs.draft.rows import BASE

__all__ = ["Usage"]


class Usage:
    """Counts of lookups and of open files. An inode without names lives while it is used.

    Args:
        known: The first number of inodes that nobody used before; None: nobody used any, those of the base neither.
    """

    def __init__(self, known: int | None = None) -> None:
        self._known = known
        self._lookups: dict[int, int] = {}
        self._open: Counter[int] = Counter()
        self._writers: Counter[int] = Counter()

    def remember(self, ino: int) -> None:
        """The kernel was told of an inode."""
        self._lookups[ino] = self._lookups.get(ino, 0) + 1

    def forget(self, ino: int, count: int) -> bool:
        """The kernel forgot that it was told of an inode so often; tells whether nobody uses it any more."""
        left = self._lookups.get(ino, 0) - count
        if left > 0:
            self._lookups[ino] = left
            return False
        self._lookups.pop(ino, None)
        return ino not in self._open

    def opened(self, ino: int, writing: bool) -> None:
        """A file was opened."""
        self._open[ino] += 1
        if writing:
            self._writers[ino] += 1

    def closed(self, ino: int, writing: bool) -> bool:
        """A file was closed, which may have been opened before this process; tells if that was the last writer."""
        _count_down(self._open, ino)
        if not writing:
            return False
        _count_down(self._writers, ino)
        return ino not in self._writers

    def is_used(self, ino: int) -> bool:
        """Whether somebody has it open, is in it, or may still ask for it."""
        return ino in self._lookups or ino in self._open or (self._known is not None and not self._known <= ino < BASE)

    def is_written(self, ino: int) -> bool:
        """Whether somebody has it open for writing."""
        return ino in self._writers

    @property
    def writers(self) -> list[int]:
        """All inodes that are open for writing."""
        return list(self._writers)


def _count_down(counts: Counter[int], ino: int) -> None:
    if counts[ino] > 1:
        counts[ino] -= 1
    else:
        del counts[ino]
