"""Mount a store or its drafts, and unmount them."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Final

from artfs.errors import MountError
from artfs.fuse.device.device import detach
from artfs.fuse.device.mountpoint import real_mountpoint, vacant_mountpoint
from artfs.fuse.options import MountOptions
from artfs.fuse.prefork.process import start_daemon
from artfs.mountinfo import MountInfo, find_mount, lock_path
from artfs.names import parse_store_path

__all__ = ["mount", "mount_staging", "unmount"]

_END_SECONDS: Final = 30.0
_COMMIT_SECONDS: Final = 3600.0
_QUIET_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.5
_GIVE_UP_PAUSE: Final = 0.1
_LOG_TAIL: Final = 4096
_WAITING: Final = re.compile(rb"unmounted, waiting for the (commit of .+)")


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
        mountpoint: An empty directory; made if it is missing and the one above it is there.
        options: How to serve it.
        foreground: Serve in this process, and return when it is unmounted; SIGTERM, SIGINT and SIGHUP unmount it (see
            `supervisor.STOP_SECONDS`). Otherwise a daemon serves it, and this returns when the mount answers.
        on_ready: In the foreground, called when the mount answers.

    Raises:
        MountError: It cannot be mounted there, or not like that.
        ArtfsError: The store cannot be opened.
    """
    with _pyfuse3():
        from artfs.fuse.readonly.readonly_mount import open_readonly_mount  # noqa: PLC0415 # pyfuse3 and trio load 0.15 s
    _serve(open_readonly_mount, store, mountpoint, options, foreground=foreground, on_ready=on_ready)


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
        mountpoint: An empty directory; made if it is missing and the one above it is there.
        options: How to serve it.
        foreground: Serve in this process, and return when it is unmounted.
        on_ready: In the foreground, called when the mount answers.

    Raises:
        ConflictError: Another staging mount serves the drafts of this store.
        MountError: It cannot be mounted there, or not like that.
        ArtfsError: The store cannot be opened.
    """
    with _pyfuse3():
        from artfs.fuse.staging.staging_mount import open_staging_mount  # noqa: PLC0415 # as above
    _serve(open_staging_mount, store, mountpoint, options, foreground=foreground, on_ready=on_ready)


@contextmanager
def _pyfuse3() -> Iterator[None]:
    """Turn the failure to load pyfuse3 into an error that says what to do."""
    try:
        yield
    except ImportError as error:
        raise MountError(f"pyfuse3 cannot be loaded ({error}): install fuse3, then artfs again") from error


def _serve(
    open_kind: Callable[..., AbstractContextManager[Any]],
    store: str | os.PathLike[str],
    mountpoint: str | os.PathLike[str],
    options: MountOptions | None,
    *,
    foreground: bool,
    on_ready: Callable[[MountInfo], None] | None,
) -> None:
    """Mount and serve in this process, or in a daemon."""
    from artfs.fuse.prefork.serve import serve_mount  # noqa: PLC0415 # as above

    root = os.path.realpath(parse_store_path(store))
    with vacant_mountpoint(mountpoint, root) as place:
        serve = partial(serve_mount, open_kind, root, place, options or MountOptions())
        if foreground:
            serve(on_ready or (lambda _info: None), verbose=True)
        else:
            start_daemon(lambda ready: serve(lambda _info: ready(), verbose=False))


def unmount(
    mountpoint: str | os.PathLike[str],
    *,
    lazy: bool = False,
    give_up: bool = False,
    on_wait: Callable[[str], None] = lambda _line: None,
) -> None:
    """Unmount a store or its drafts, and wait for the end of the processes that served them.

    A commit that has begun is finished first.

    Args:
        mountpoint: Where it is mounted.
        lazy: Take it out of the directory tree even if it is in use, and return at once; it ends with its last user.
        give_up: Do not finish a commit: the draft is as it was, and whether there is a version is in doubt.
        on_wait: Called with a line that says what is waited for, when that takes long, and whenever it changes.

    Raises:
        MountError: It is no artfs mount, is in use, or is not this user's.
        KeyboardInterrupt: The user interrupts the waiting; it is unmounted, and the commit goes on.
    """
    place = real_mountpoint(mountpoint)
    found = find_mount(place)
    if found is None:
        raise MountError(f"{mountpoint} is not an artfs mount: see `findmnt -t fuse.artfs,fuse.artfs-staging`")
    lock = _open_lock(found)
    try:
        detach(place, lazy=lazy)
        if lock is not None and not lazy:
            _wait_for_daemon(lock, found, give_up=give_up, on_wait=on_wait)
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
    """Open the lock file of the mount's daemon; None if there is none, or it cannot be seen from here."""
    try:
        return os.open(lock_path(mount), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _wait_for_daemon(lock: int, mount: MountInfo, *, give_up: bool, on_wait: Callable[[str], None]) -> None:
    """Wait until the lock is released, when the daemon ends, after all its workers."""
    # A commit that has begun is finished first: after an unmount of drafts, its version has to be there.
    begun = time.monotonic()
    deadline = begun + (_COMMIT_SECONDS if mount.staging else _END_SECONDS)
    look, shown = begun + _QUIET_SECONDS, ""
    try:
        while True:
            try:
                fcntl.lockf(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                now = time.monotonic()
                if now > deadline:
                    raise MountError(f"unmounted, but its daemon does not end: see {mount.log}") from None
                if give_up and mount.pid is not None:
                    os.kill(mount.pid, signal.SIGTERM)
                if now > look and (doing := _last_commit(mount)) != shown:
                    on_wait(f"{doing}, {now - begun:.0f} s so far" if doing else "")
                    shown = doing
                if now > look:
                    look = now + _LOOK_SECONDS
                time.sleep(_GIVE_UP_PAUSE if give_up else 0.002)
            else:
                return
    except KeyboardInterrupt:
        doing = _last_commit(mount) if mount.staging else ""
        what = f", and the {doing} goes on" if doing else ", and its processes are ending"
        raise KeyboardInterrupt(f"interrupted; {mount.mountpoint} is unmounted{what}: see {mount.log}") from None


def _last_commit(mount: MountInfo) -> str:
    """What the log of a mount says last of a commit that its end waits for; empty: nothing."""
    try:
        with open(mount.log, "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL))
            found = _WAITING.findall(log.read())
    except OSError:
        return ""
    return found[-1].decode("utf-8", "replace") if found else ""
