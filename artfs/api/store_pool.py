"""The open stores of the API: one per process and directory, shared by all its objects.

The index of a store can be open once in a process. A child that was forked opens its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TypeAlias

from artfs.api.environment import default_store
from artfs.store.store import Store, open_store

__all__ = ["StoreLike", "close_stores", "open_stores", "shared_store"]

StoreLike: TypeAlias = str | os.PathLike[str] | Store | None
"""A store, its directory, or None for the default one."""

_open: dict[tuple[int, str], Store] = {}
_lock = threading.Lock()
os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))


def shared_store(store: StoreLike = None, *, create: bool = True) -> Store:
    """Open a store, or return the one that this process has open already.

    Args:
        store: The store or its directory; None: `default_store`.
        create: Make a store there if there is none.

    Raises:
        StoreNotFoundError: There is none, and `create` is False.
        StoreError: It cannot be used.
    """
    if isinstance(store, Store):
        with _lock:
            _open[os.getpid(), os.path.realpath(store.path)] = store
        return store
    path = default_store() if store is None else Path(store)
    key = (os.getpid(), os.path.realpath(path))
    with _lock:
        found = _open.get(key)
        if found is None or not found.current:
            if found is not None and found.usable:
                found.close()  # its index was rebuilt, and a process has one of a store open at a time
            found = _open[key] = open_store(path, create=create)
        return found


def open_stores() -> list[Store]:
    """Return the stores that this process has open for the API."""
    with _lock:
        return list(_open.values())


def close_stores(*, but: Collection[Store] = ()) -> None:
    """Close the stores of `shared_store`. A process that uses many needs it: each maps a TiB.

    Args:
        but: Stores to leave open.
    """
    with _lock:
        for key, store in list(_open.items()):
            if store not in but:
                del _open[key]
                if store.usable:
                    store.close()
