"""Queue of files whose bytes are worth storing before a commit asks for them.

Closed files wait until there are enough of them: a small file that is soon removed (an editor's temporary file, a
database's journal) is never stored. A large file that is written from front to back is stored while it grows.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["DirtyFile", "DirtyFiles"]

_DUE_BYTES: Final = 32 << 20
_DUE_FILES: Final = 1000


@dataclass(slots=True)
class DirtyFile:
    """A file with bytes that only data files have.

    Attributes:
        ino: Its inode.
        end: Its size.
        sequential: Since its first byte was written, it was only appended to.
        sent: Bytes from the first on that jobs were made of.
        closed: All of its bytes are there; otherwise it grows.
    """

    ino: int
    end: int
    sequential: bool
    sent: int = 0
    closed: bool = False


class DirtyFiles:
    """Files to be stored: those that grow, and closed ones in the order of their closing.

    It numbers changes: every change of a file's bytes has a number of its own, except an append to a file that grows.
    Numbers do not repeat in the next process either, since counting begins at a random number.
    """

    def __init__(self) -> None:
        self._counter = secrets.randbits(62)
        self._growing: dict[int, DirtyFile] = {}
        self._closed: dict[int, DirtyFile] = {}
        self._closed_bytes = 0

    def record_write(self, ino: int, start: int, end: int, *, fresh: bool) -> int | None:
        """Record that bytes were written.

        Args:
            ino: The file.
            start: Offset of the first byte.
            end: Offset after the last byte.
            fresh: The file was empty before.

        Returns:
            The number of the change; None: the file only grew.
        """
        file = self._growing.get(ino)
        if file is not None and start == file.end:
            file.end = end
            return None
        count = self.record_change(ino)
        if fresh and start == 0:
            self._growing[ino] = DirtyFile(ino, end, sequential=True)
        return count

    def record_change(self, ino: int) -> int:
        """Record that bytes changed otherwise than by an append, and give the number of the change."""
        self._counter += 1
        self.discard(ino)
        return self._counter

    def is_growing(self, ino: int) -> bool:
        """Return whether a file was only appended to since its first byte was written, and not closed."""
        return ino in self._growing

    def record_close(self, ino: int, size: int) -> None:
        """Record that the last writer closed a file that has bytes to be stored."""
        file = self._growing.pop(ino, None) or self._closed.get(ino) or DirtyFile(ino, size, sequential=False)
        file.closed = True
        self.discard(ino)
        self.put_back(file)

    def discard(self, ino: int) -> None:
        """Remove a file that has no bytes to be stored any more."""
        self._growing.pop(ino, None)
        file = self._closed.pop(ino, None)
        if file is not None:
            self._closed_bytes -= file.end

    def is_due(self) -> bool:
        """Return whether it is time to wake the storer."""
        return (
            self._closed_bytes >= _DUE_BYTES
            or len(self._closed) >= _DUE_FILES
            or any(file.end - file.sent >= _DUE_BYTES for file in self._growing.values())
        )

    def pop(self, files: int, size: int) -> Iterator[DirtyFile]:
        """Take files that are due, at most so many and about so many bytes; one that grows stays in the queue."""
        for file in self._growing.values():
            if file.end - file.sent >= _DUE_BYTES:
                size -= _DUE_BYTES
                yield file
        while self._closed and files > 0 and size > 0:
            file = self._closed.pop(next(iter(self._closed)))
            self._closed_bytes -= file.end
            files -= 1
            size -= file.end
            yield file

    def put_back(self, file: DirtyFile) -> None:
        """Queue a closed file again that was too large for one job."""
        self._closed[file.ino] = file
        self._closed_bytes += file.end
