"""Who uses an inode: how often the kernel was told of it, and who has it open. Gone with the process that serves."""

from __future__ import annotations

from collections import Counter

__all__ = ["Usage"]


class Usage:
    """Counts of lookups and of open files. An inode without names lives while it is used."""

    def __init__(self) -> None:
        self._lookups: dict[int, int] = {}
        self._open: Counter[int] = Counter()
        self._writers: Counter[int] = Counter()

    def remember(self, ino: int) -> None:
        """The kernel was told of an inode."""
        self._lookups[ino] = self._lookups.get(ino, 0) + 1

    def forget(self, ino: int, count: int) -> None:
        """The kernel forgot an inode that it was told of so often."""
        left = self._lookups.get(ino, 0) - count
        if left > 0:
            self._lookups[ino] = left
        else:
            self._lookups.pop(ino, None)

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
        return ino in self._lookups or ino in self._open

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
