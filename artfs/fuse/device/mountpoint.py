"""Mount points: their path as the kernel has it, and checks that nothing is in the way."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from artfs.errors import MountError
from artfs.fuse.device.device import detach
from artfs.mountinfo import MountInfo, find_mount

__all__ = ["is_dead", "real_mountpoint", "vacant_mountpoint"]

_DEAD: Final = (errno.ENOTCONN, errno.ECONNABORTED)


def real_mountpoint(mountpoint: str | os.PathLike[str]) -> str:
    """Return the path under which the kernel lists a mount, without a request to a dead one."""
    path = os.path.abspath(mountpoint)
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return real if find_mount(real) is not None else os.path.realpath(path)


@contextmanager
def vacant_mountpoint(mountpoint: str | os.PathLike[str], store: str) -> Iterator[str]:
    """Provide a directory that can be mounted on while the block runs.

    A directory that is missing is made, if the one above it is there, and removed again if the block fails. What a
    killed daemon left mounted is unmounted.

    Args:
        mountpoint: The directory.
        store: The store's directory, without symlinks.

    Yields:
        The directory's absolute path, without symlinks.

    Raises:
        MountError: It cannot be mounted on, or not be made.
    """
    place = real_mountpoint(mountpoint)
    while (left := find_mount(place)) is not None:
        _unmount_dead(left)
    if f"{place}/".startswith(f"{store}/") and place != store:
        raise MountError(f"{mountpoint} is inside the store {store}: choose a directory outside it")
    made = not os.path.lexists(os.path.abspath(mountpoint)) and _made(place, mountpoint)
    try:
        _check_vacant(place, mountpoint)
        yield place
    except BaseException:
        if made:
            with suppress(OSError):  # somebody uses it by now
                os.rmdir(place)
        raise


def _made(place: str, mountpoint: str | os.PathLike[str]) -> bool:
    """Make a directory to mount on; False if another process has made it meanwhile."""
    try:
        os.mkdir(place)
    except FileExistsError:
        return False
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MountError(_describe(os.fspath(mountpoint), error)) from error
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise MountError(f"cannot make {mountpoint}: {why}; choose a directory of your own, as ~/art") from error
    return True


def _check_vacant(place: str, mountpoint: str | os.PathLike[str]) -> None:
    """Check that a directory is there and empty.

    Raises:
        MountError: It is not.
    """
    try:
        mode = os.stat(place).st_mode
        if not stat.S_ISDIR(mode):
            raise MountError(f"{mountpoint} is not a directory: choose an empty directory")
        with os.scandir(place) as entries:
            if next(entries, None) is not None:
                raise MountError(f"{mountpoint} is not empty: choose an empty directory")
    except OSError as error:
        raise MountError(_describe(os.fspath(mountpoint), error)) from error


def _describe(mountpoint: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"{mountpoint} does not exist: make it with `mkdir -p {mountpoint}`"
    if error.errno == errno.ENOTDIR:
        return f"{mountpoint} is not a directory: choose an empty directory"
    if error.errno in _DEAD:
        return f"{mountpoint} is a dead mount of another program: take it away with `fusermount3 -u {mountpoint}`"
    return f"cannot use {mountpoint}: {os.strerror(error.errno or 0)}"


def _unmount_dead(left: MountInfo) -> None:
    """Unmount a mount whose daemon is gone.

    Raises:
        MountError: It is alive, or this user may not unmount it.
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
    """Return whether the daemon of a mount is gone. Waits for the answer of one that lives."""
    try:
        os.statvfs(path)  # unlike stat, never answered from a cache
    except OSError as error:
        return error.errno in _DEAD
    return False
