"""Whether the index of a store was made again since its processes opened it: they would show what was for ever."""

from __future__ import annotations

from artfs.store.layout import Layout

__all__ = ["IndexWatch"]


class IndexWatch:
    """Looks after the index of a store, without opening it. Make it before those who do.

    Args:
        layout: The store.
    """

    def __init__(self, layout: Layout) -> None:
        self._file = layout.index / "data.mdb"
        self._seen = self._identity()

    def replaced(self) -> bool:
        """Tell, once, that another index is in its place."""
        now = self._identity()
        if now in (None, self._seen):  # none: it is being made
            return False
        self._seen = now
        return True

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
