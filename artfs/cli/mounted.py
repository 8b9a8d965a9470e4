"""Which mounts serve a store, as far as the command line wants to know."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artfs.fuse import MountInfo

__all__ = ["mounts_of"]


def mounts_of(store: Path) -> list[MountInfo]:
    """The mounts of a store, those whose daemon is gone (`pid` is None) last; touches none of them.

    Args:
        store: The store's directory.
    """
    from artfs.fuse import mounts

    real = os.path.realpath(store)
    found = [mount for mount in mounts() if os.path.realpath(mount.store) == real]
    return sorted(found, key=lambda mount: (mount.pid is None, mount.mountpoint))
