"""Mounts of a store: all, its staging mount, or the store of a staging mount."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.errors import MountError
from artfs.mountinfo import MountInfo, mounts, mounts_of
from artfs.names import quoted

__all__ = ["lost_store", "staging_of", "store_of"]


def staging_of(store: Path) -> MountInfo:
    """Find the staging mount of a store.

    Args:
        store: The store's directory.

    Raises:
        MountError: There is none.
    """
    found = [mount for mount in mounts_of(store) if mount.staging]
    if found:
        return found[0]
    raise MountError(
        f"the store {quoted(os.fspath(store))} has no staging mount: make one with `artfs mount DIR --staging DIR`"
    )


def lost_store(path: str) -> MountError | None:
    """Return the error for a path in a staging mount whose store is not where it was mounted from; else None.

    Args:
        path: The path, without symlinks.
    """
    for mount in mounts():
        top = os.fspath(mount.mountpoint)
        if mount.staging and os.path.commonpath((top, path)) == top and mount.pid is None:
            return MountError(
                f"the store of {quoted(path)} is not at {quoted(os.fspath(mount.store))} any more: move it back, or"
                f" unmount {quoted(top)}"
            )
    return None


def store_of(staging: str) -> Path | None:
    """Find the store whose drafts are mounted at a directory; None if no such mount is visible.

    Args:
        staging: The directory, without symlinks.
    """
    found = [mount for mount in mounts() if mount.staging and os.fspath(mount.mountpoint) == staging]
    return found[-1].store if found else None
