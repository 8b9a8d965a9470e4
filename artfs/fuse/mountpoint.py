"""Is this directory fit to be mounted on?"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from artfs.errors import MountError
from artfs.fuse.device import detach
from artfs.mountinfo import MountInfo, find_mount

__all__ = ["is_dead", "real_mountpoint", "vacant_mountpoint"]

_DEAD: Final = (errno.ENOTCONN, errno.ECONNABORTED)


def real_mountpoint(mountpoint: str | os.PathLike[str]) -> str:
    """The path under which the kernel lists a mount: without symlinks, and without asking a dead mount for anything."""
    path = os.path.abspath(mountpoint)
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return real if find_mount(real) is not None else os.path.realpath(path)


def vacant_mountpoint(mountpoint: str | os.PathLike[str], store: str) -> str:
    """Check that a mount on a directory would be in nobody's way; take away what a killed daemon left there.

    Args:
        mountpoint: The directory.
        store: The store's directory, without symlinks.

    Returns:
        The directory's absolute path, without symlinks.

    Raises:
        MountError: It is not fit.
    """
    place = real_mountpoint(mountpoint)
    while (left := find_mount(place)) is not None:
        _take_away(left)
    try:
        mode = os.stat(place).st_mode
        if not stat.S_ISDIR(mode):
            raise MountError(f"{mountpoint} is not a directory: choose an empty directory")
        with os.scandir(place) as entries:
            if next(entries, None) is not None:
                raise MountError(f"{mountpoint} is not empty: choose an empty directory")
    except OSError as error:
        raise MountError(_obstacle(os.fspath(mountpoint), error)) from error
    if f"{place}/".startswith(f"{store}/"):
        raise MountError(f"{mountpoint} is inside the store {store}: choose a directory outside it")
    return place


def _obstacle(mountpoint: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"{mountpoint} does not exist: make it with `mkdir -p {mountpoint}`"
    if error.errno == errno.ENOTDIR:
        return f"{mountpoint} is not a directory: choose an empty directory"
    if error.errno in _DEAD:
        return f"{mountpoint} is a dead mount of another program: take it away with `fusermount3 -u {mountpoint}`"
    return f"cannot use {mountpoint}: {os.strerror(error.errno or 0)}"


def _take_away(left: MountInfo) -> None:
    """Take away a mount whose daemon is gone.

    Raises:
        MountError: It is alive, or not ours to take away.
    """
    if left.pid is not None or not is_dead(left.mountpoint):
        raise MountError(
            f"{left.mountpoint} is mounted already, with the store {left.store}: `artfs umount {left.mountpoint}` first"
        )
    try:
        detach(os.fspath(left.mountpoint), lazy=True)
    except OSError as error:
        raise MountError(
            f"{left.mountpoint} is a dead mount that you may not take away ({error.strerror}): "
            f"have its owner or root run `artfs umount {left.mountpoint}`"
        ) from error


def is_dead(path: os.PathLike[str]) -> bool:
    """Whether nobody will ever answer for a mount. Waits for whoever does answer for it."""
    try:
        os.statvfs(path)  # unlike stat, never answered from a cache
    except OSError as error:
        return error.errno in _DEAD
    return False
