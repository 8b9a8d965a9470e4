"""Watch over a mounted store from outside: its index was rebuilt, or the store is not where it was mounted from."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.store.layout import Layout

__all__ = ["StoreWatch"]


class StoreWatch:
    """Notices changes of a store that the processes of its mount, which have it open, do not see.

    It opens nothing. Make it before them.

    Args:
        layout: Of the store.
    """

    def __init__(self, layout: Layout) -> None:
        self._root = layout.root
        self._format = layout.root / "format.json"
        self._index = layout.index / "data.mdb"
        self._place = _identity(self._root)
        self._seen = self._index_identity()

    def index_replaced(self) -> bool:
        """Return True, once, when another index is in its place."""
        now = self._index_identity()
        if now in (None, self._seen):  # none: it is being made
            return False
        self._seen = now
        return True

    def missing(self) -> str:
        """Return why the store cannot be reached by its path any more; empty if it can."""
        try:
            if _identity(self._root) != self._place:
                return "something else is in its place"
            self._format.stat()
        except OSError as error:
            return os.strerror(error.errno or 0)
        return ""

    def _index_identity(self) -> tuple[int, int] | None:
        try:
            return _identity(self._index)
        except OSError:
            return None


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
