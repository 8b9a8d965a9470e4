"""Which mounts serve a store, as far as the command line wants to know."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.errors import MountError
from artfs.names import quoted

if TYPE_CHECKING:
    from artfs.fuse import MountInfo

__all__ = ["mounts_of", "staging_of", "store_of"]


def mounts_of(store: Path) -> list[MountInfo]:
    """The mounts of a store, those whose daemon is gone (`pid` is None) last; touches none of them.

    Args:
        store: The store's directory.
    """
    from artfs.fuse import mounts

    real = os.path.realpath(store)
    found = [mount for mount in mounts() if os.path.realpath(mount.store) == real]
    return sorted(found, key=lambda mount: (mount.pid is None, mount.mountpoint))


def staging_of(store: Path) -> MountInfo:
    """The staging mount of a store, where its drafts are.

    Args:
        store: The store's directory.

    Raises:
        MountError: There is none.
        StoreError: There is no store.
    """
    found = [mount for mount in mounts_of(store) if mount.staging]
    if found:
        return found[0]
    from artfs.store.layout import read_layout

    read_layout(store)
    raise MountError(
        f"the store {quoted(os.fspath(store))} has no staging mount: make one with `artfs mount DIR --staging DIR`"
    )


def store_of(staging: str) -> Path | None:
    """The store whose drafts are mounted at a directory; None if there is no such mount, or it is not to be seen.

    Args:
        staging: The directory, without symlinks.
    """
    from artfs.fuse import mounts

    found = [mount for mount in mounts() if mount.staging and os.fspath(mount.mountpoint) == staging]
    return found[-1].store if found else None
