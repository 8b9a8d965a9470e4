"""The file tree of a mount that tracks runs: pins their aliases, records what they open."""

from __future__ import annotations

from artfs.catalog import AliasRow
from artfs.errors import NotFoundError
from artfs.lineage import RunTracker
from artfs.store import Store
from artfs.store.reader_leases import OpenCounts
from artfs.vfs.inodes import position_of, serial_of
from artfs.vfs.view import StoreView

__all__ = ["TrackedView"]


class TrackedView(StoreView):
    """The tree of one store, which records what runs do in it.

    Args:
        store: The store, opened in this process.
        tracker: Finds the run of a caller, and records what it opens.
        counts: As for `StoreView`.
    """

    def __init__(self, store: Store, tracker: RunTracker, counts: OpenCounts | None = None) -> None:
        super().__init__(store, counts)
        self._tracker = tracker

    def readlink(self, ino: int, caller: int = 0, /) -> bytes:
        """Return the target of a symlink; of an alias, the version that it is in the caller's run.

        Raises:
            NotFoundError: No such symlink.
        """
        if position_of(ino) or not caller:
            return super().readlink(ino)
        return b"v%d" % self._tracker.resolve_alias(caller, serial_of(ino), lambda: self._alias(ino))

    def _alias(self, ino: int) -> AliasRow:
        row = self._row(ino)
        if not isinstance(row, AliasRow):
            raise NotFoundError("not a symlink")
        return row

    def opened(self, ino: int, caller: int = 0, /) -> None:
        """Note that a thread opens a file, and record it if the thread belongs to a run.

        Raises:
            NotFoundError: gc has removed its version.
        """
        super().opened(ino, caller)
        self._tracker.record_open(caller, serial_of(ino), position_of(ino))
