"""Mounting a store and unmounting it again."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from artfs.errors import MountError
from artfs.fuse.daemon import start_daemon
from artfs.fuse.device import detach
from artfs.fuse.mountpoint import real_mountpoint, vacant_mountpoint
from artfs.fuse.options import MountOptions
from artfs.mountinfo import MountInfo, find_mount, lock_path

__all__ = ["mount", "mount_staging", "unmount"]

_GONE_SECONDS: Final = 10.0
_COMMITTED_SECONDS: Final = 3600.0


def mount(
    store: str | os.PathLike[str],
    mountpoint: str | os.PathLike[str],
    options: MountOptions | None = None,
    *,
    foreground: bool = False,
    on_ready: Callable[[MountInfo], None] | None = None,
) -> None:
    """Mount a store, read-only.

    It forks: call it from a process with one thread and no open store, like that of `artfs mount`.

    Args:
        store: The store's directory.
        mountpoint: An empty directory.
        options: How to serve it.
        foreground: Serve in this process, and return when it is unmounted; SIGTERM, SIGINT and SIGHUP unmount it (see
            `supervisor.STOP_SECONDS`). Otherwise a daemon serves it, and this returns when the mount answers.
        on_ready: In the foreground, called when the mount answers.

    Raises:
        MountError: It cannot be mounted there, or not like that.
        ArtfsError: The store cannot be opened.
    """
    root = os.path.realpath(store)
    place = vacant_mountpoint(mountpoint, root)
    with _pyfuse3():
        from artfs.fuse.storemount import serve_store  # noqa: PLC0415 # pyfuse3 and trio take 0.15 s to load
    _serve(serve_store, root, place, options or MountOptions(), foreground=foreground, on_ready=on_ready)


def mount_staging(
    store: str | os.PathLike[str],
    mountpoint: str | os.PathLike[str],
    options: MountOptions | None = None,
    *,
    foreground: bool = False,
    on_ready: Callable[[MountInfo], None] | None = None,
) -> None:
    """Mount the drafts of a store, to be written to; otherwise as `mount`.

    Args:
        store: The store's directory.
        mountpoint: An empty directory.
        options: How to serve it.
        foreground: Serve in this process, and return when it is unmounted.
        on_ready: In the foreground, called when the mount answers.

    Raises:
        ConflictError: Another staging mount serves the drafts of this store.
        MountError: It cannot be mounted there, or not like that.
        ArtfsError: The store cannot be opened.
    """
    root = os.path.realpath(store)
    place = vacant_mountpoint(mountpoint, root)
    with _pyfuse3():
        from artfs.fuse.staging.mount import serve_drafts  # noqa: PLC0415 # as above
    _serve(serve_drafts, root, place, options or MountOptions(), foreground=foreground, on_ready=on_ready)


class _Server(Protocol):
    """`serve_store` and `serve_drafts`."""

    def __call__(
        self,
        store: str,
        mountpoint: str,
        options: MountOptions,
        on_ready: Callable[[MountInfo], None],
        *,
        verbose: bool,
    ) -> None: ...


@contextmanager
def _pyfuse3() -> Iterator[None]:
    """Say what to do where it cannot be loaded."""
    try:
        yield
    except ImportError as error:
        raise MountError(f"pyfuse3 cannot be loaded ({error}): install fuse3, then artfs anew") from error


def _serve(
    server: _Server,
    root: str,
    place: str,
    options: MountOptions,
    *,
    foreground: bool,
    on_ready: Callable[[MountInfo], None] | None,
) -> None:
    """Serve in this process, or in a daemon."""
    if foreground:
        server(root, place, options, on_ready or (lambda _info: None), verbose=True)
    else:
        start_daemon(lambda ready: server(root, place, options, lambda _info: ready(), verbose=False))


def unmount(mountpoint: str | os.PathLike[str], *, lazy: bool = False) -> None:
    """Unmount a store or its drafts; return when the processes that served them are gone, their last commit made.

    Args:
        mountpoint: Where it is mounted.
        lazy: Take it out of the directory tree even if it is in use, and return at once; it ends with its last user.

    Raises:
        MountError: It is no artfs mount, is in use, or is not this user's.
    """
    place = real_mountpoint(mountpoint)
    found = find_mount(place)
    if found is None:
        raise MountError(f"{mountpoint} is not an artfs mount: see `findmnt -t fuse.artfs,fuse.artfs-staging`")
    lock = _open_lock(found)
    try:
        detach(place, lazy=lazy)
        if lock is not None and not lazy:
            _wait_for(lock, found)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise MountError(
                f"{mountpoint} is in use: end what uses it (`fuser -vm {mountpoint}` names it), or add --lazy"
            ) from error
        raise MountError(f"cannot unmount {mountpoint}: {error.strerror}; its owner and root can") from error
    finally:
        if lock is not None:
            os.close(lock)


def _open_lock(mount: MountInfo) -> int | None:
    """Open the file that the mount's daemon holds locked; None if there is none, or it is not to be seen."""
    try:
        return os.open(lock_path(mount), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _wait_for(lock: int, mount: MountInfo) -> None:
    """Wait until the lock is let go of: until the daemon has ended, which it does after all its workers."""
    # A commit that has begun is seen through: whoever unmounts drafts wants to find the version.
    deadline = time.monotonic() + (_COMMITTED_SECONDS if mount.staging else _GONE_SECONDS)
    while True:
        try:
            fcntl.lockf(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise MountError(f"unmounted, but its daemon does not end: see {mount.log}") from None
            time.sleep(0.002)
        else:
            return
