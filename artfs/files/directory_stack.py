"""Stack of the directories on the path of a walk; only the nearest are open.

A tree may be deeper than the number of descriptors that a process may have.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Final

__all__ = ["DirectoryStack"]

_OPEN: Final = 64
_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class DirectoryStack(AbstractContextManager["DirectoryStack"]):
    """Descriptors of the directories from a top down to where a walk is.

    A directory high above is closed, and opened again as `..` of the one below when the walk comes back to it. It is
    compared with what was there before: a directory that was moved meanwhile leads nowhere else.

    Args:
        top: Descriptor of the first one, which stays its owner's.

    Attributes:
        here: Descriptor of the last one.
    """

    def __init__(self, top: int) -> None:
        self.here = top
        self._above: list[tuple[int, tuple[int, int]]] = []

    def enter(self, descriptor: int) -> None:
        """Go down to a directory; the stack closes the descriptor."""
        self._above.append((self.here, _identity(self.here)))
        self.here = descriptor
        if len(self._above) > _OPEN:  # the top, the first of them, is not closed
            place = len(self._above) - _OPEN
            far, identity = self._above[place]
            os.close(far)
            self._above[place] = (-1, identity)

    def leave(self) -> bool:
        """Go up to the directory above; return False if what is above is another one now."""
        above, identity = self._above[-1]
        if above < 0:
            above = os.open("..", _FLAGS, dir_fd=self.here)
            if _identity(above) != identity:
                os.close(above)
                return False
        self._above.pop()
        os.close(self.here)
        self.here = above
        return True

    def __exit__(self, *_error: object) -> None:
        """Close all but the top."""
        if self._above:
            os.close(self.here)
        for above in self._above[1:]:
            if above[0] >= 0:
                os.close(above[0])


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
