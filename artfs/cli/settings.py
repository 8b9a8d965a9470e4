"""What the options before the command and the environment say: which store, and how much to tell of an error."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.api.location import announced_run, default_store

if TYPE_CHECKING:
    from artfs.catalog import Version
    from artfs.names import VersionRef
    from artfs.store import Store

__all__ = ["Settings"]


@dataclass(slots=True)
class Settings:
    """Of one run of the command line.

    Attributes:
        store: What `--store` says; None: `default_store`.
    """

    store: str | None = None

    @property
    def store_path(self) -> Path:
        """The store's directory, absolute."""
        return Path(os.path.abspath(self.store)) if self.store else default_store()

    def open_store(self, *, create: bool = False) -> Store:
        """Open the store.

        Raises:
            StoreError: There is none (and `create` is False), or it cannot be used.
        """
        from artfs.catalog import note_deaths
        from artfs.store import open_store

        note_deaths(self.store_path / "index")
        return open_store(self.store_path, create=create)

    def run_in(self, store: Store) -> str | None:
        """The run that this command is part of, if it is one of that store."""
        if announced_run() is None:
            return None
        from artfs.api.capture import current_run

        return current_run(store)

    def version_to_read(self, store: Store, ref: VersionRef) -> Version:
        """The version that a reference names. In a run that is an input, and an alias what it was at first.

        Raises:
            NotFoundError: There is none.
            StorageError: What the run knows of it can neither be read nor noted.
        """
        run = self.run_in(store)
        if run is None:
            return store.version(ref)
        from artfs.api.capture import pinned
        from artfs.catalog import current_actor

        return store.catalog.use_version(run, pinned(store, run, ref), current_actor(run))
