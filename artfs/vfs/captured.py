"""The file tree of a store as a mount shows it: runs find their aliases pinned, and what they open is noted."""

from __future__ import annotations

from artfs.catalog import AliasRow
from artfs.errors import NotFoundError
from artfs.lineage import Capture
from artfs.store import Store
from artfs.store.readers import ReaderCounts
from artfs.vfs.inodes import position_of, serial_of
from artfs.vfs.view import StoreView

__all__ = ["CapturedView"]


class CapturedView(StoreView):
    """The tree of one store, with what its runs do in it.

    Args:
        store: The store, opened in this process.
        capture: Knows whose a caller is.
        counts: As for `StoreView`.
    """

    def __init__(self, store: Store, capture: Capture, counts: ReaderCounts | None = None) -> None:
        super().__init__(store, counts)
        self._capture = capture

    def readlink(self, ino: int, caller: int = 0, /) -> bytes:
        """The target of a symlink; of an alias, for a caller in a run, what it is in that run.

        Raises:
            NotFoundError: No such symlink.
        """
        if position_of(ino) or not caller:
            return super().readlink(ino)
        return b"v%d" % self._capture.pinned(caller, serial_of(ino), lambda: self._alias(ino))

    def _alias(self, ino: int) -> AliasRow:
        row = self._row(ino)
        if not isinstance(row, AliasRow):
            raise NotFoundError("not a symlink")
        return row

    def opened(self, ino: int, caller: int = 0, /) -> None:
        """A thread opens a file, which is noted if it is of a run.

        Raises:
            NotFoundError: gc has taken its version.
        """
        super().opened(ino, caller)
        self._capture.opened(caller, serial_of(ino), position_of(ino))
