"""The store that requests read, opened again when its index was made again or the store was moved and came back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.store.store import Store, open_store

if TYPE_CHECKING:
    from artfs.catalog import Version

__all__ = ["CurrentStore", "kept"]


class CurrentStore:
    """One open store for all threads.

    A process can have the index of a store open once, so it is opened again when the last request that uses it ends.

    Args:
        path: The store's directory.

    Raises:
        StoreError: There is none, or it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()
        self._users = 0
        self._unused = threading.Condition()

    @contextmanager
    def use(self) -> Iterator[Store]:
        """Give the store to a request.

        Raises:
            StoreError: It is gone, or cannot be used.
        """
        with self._unused:
            while self._users and not self._is_current():
                self._unused.wait()
            if not self._is_current():
                self._store.close()
                self._open()
            self._users += 1
            store = self._store
        try:
            yield store
        finally:
            with self._unused:
                self._users -= 1
                self._unused.notify_all()

    def _open(self) -> None:
        self._store = open_store(self._path)
        self._place = _place(self._path)

    def _is_current(self) -> bool:
        return self._store.current and _place(self._path) == self._place

    def close(self) -> bool:
        """Close the store if no request uses it.

        Returns:
            False if one does, in another thread.
        """
        with self._unused:
            if self._users:
                return False
            self._store.close()
            return True


def _place(path: Path) -> tuple[int, int] | None:
    """Return what tells a directory from another at the same path; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def kept(store: Store, version: Version) -> Iterator[None]:
    """Keep gc from removing a version's contents in a block, even if the version is deleted meanwhile.

    Raises:
        NotFoundError: gc has removed them.
    """
    store.retain(version)
    try:
        yield
    finally:
        store.release(version.serial)
