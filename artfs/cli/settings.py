"""What the options before the command and the environment say: which store, and how much to tell of an error."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.api.location import announced_run, default_store

if TYPE_CHECKING:
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
        from artfs.store import open_store

        return open_store(self.store_path, create=create)

    def run_in(self, store: Store) -> str | None:
        """The run that this command is part of, if it is one of that store."""
        if announced_run() is None:
            return None
        from artfs.api.capture import current_run

        return current_run(store)
