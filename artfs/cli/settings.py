"""What the options before the command and the environment say: which store, and how much to tell of an error."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.errors import InvalidInputError

if TYPE_CHECKING:
    from artfs.store import Store

__all__ = ["Settings", "default_store"]


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


def default_store() -> Path:
    """The store of a user who names none: `$ARTFS_STORE`, else `artfs` in the user's data directory.

    Raises:
        InvalidInputError: No such directory is known.
    """
    if named := os.environ.get("ARTFS_STORE"):
        return Path(os.path.abspath(named))
    data = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):  # the XDG specification has a relative one ignored
        return Path(data, "artfs")
    try:
        return Path.home() / ".local" / "share" / "artfs"
    except RuntimeError:
        raise InvalidInputError("this user has no home directory: name a store with --store or $ARTFS_STORE") from None
