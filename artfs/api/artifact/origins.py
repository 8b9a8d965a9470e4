"""The versions that entries of an unlogged artifact were taken from: inputs of the run that logs it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.catalog import Version, VersionUse, current_actor

if TYPE_CHECKING:
    from artfs.store.store import Store

__all__ = ["Origins"]


class Origins:
    """Versions, and the paths of the entries that were taken from them."""

    def __init__(self) -> None:
        self._paths: dict[tuple[Path, int], tuple[Version, dict[bytes, None]]] = {}

    def add(self, store: Store, version: Version, path: bytes) -> bool:
        """Note an entry of a version; return True if it is the first one of that version."""
        first = (store.path, version.serial) not in self._paths
        self._paths.setdefault((store.path, version.serial), (version, {}))[1][path] = None
        return first

    def record(self, store: Store, run: str) -> None:
        """Record those of a store as inputs of a run; a run knows no versions of other stores.

        Raises:
            NotFoundError: There is no such run.
            StorageError: The store cannot be written.
        """
        uses = [
            VersionUse(version.artifact, version.index, time.time_ns(), len(paths), tuple(paths), "api")
            for (place, _serial), (version, paths) in self._paths.items()
            if place == store.path
        ]
        if uses:
            store.catalog.use_versions(run, uses, current_actor(run))
