"""Serving a mount in this process, from the kernel's first request to the last."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyfuse3

from artfs.errors import MountError
from artfs.fuse import syscalls
from artfs.fuse.device import attach, can_clone, can_send_again, detach
from artfs.fuse.logfile import LogFile, LogPipe, log_to_stderr
from artfs.fuse.loop import answer_init
from artfs.fuse.options import MountOptions
from artfs.fuse.process import signals_by_descriptor
from artfs.fuse.staff import InitHandlers, Post, Staff
from artfs.fuse.supervisor import Supervisor
from artfs.mountinfo import MountInfo, find_mount, lock_path

__all__ = ["Service", "serve"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """What to serve, and where.

    Attributes:
        store: The store's directory: the mount's source in the mount table, and home of its log.
        mountpoint: An empty directory, absolute and without symlinks.
        staff: The processes that answer.
        options: How to serve it.
        writable: Drafts are written there.
        verbose: Copy the log to stderr.
        share: Have workers share the device's descriptor, as they must where it cannot be cloned.
        again: Have requests that a process left without an answer sent to its successor, where only one process answers
            and the kernel can do that.
        outdated: Tells, once, that what its processes opened was replaced, so that others have to take their place.
    """

    store: Path
    mountpoint: str
    staff: Staff
    options: MountOptions
    writable: bool = False
    verbose: bool = False
    share: bool = False
    again: bool = True
    outdated: Callable[[], bool] = lambda: False


def serve(service: Service, on_ready: Callable[[MountInfo], None]) -> None:
    """Mount, serve, and return when the file system is unmounted: by `unmount`, by a signal, by anyone.

    Args:
        service: What, where and how.
        on_ready: Called when the mount answers.

    Raises:
        ArtfsError: It could not be mounted.
    """
    syscalls.name_process("artfs-mount")
    options = service.options
    with (
        signals_by_descriptor() as signals,
        _mounted(service) as (mount, session),
        _declared(mount),
        _logging(service, mount) as (log, sink),
    ):
        handlers = service.staff.handlers()
        _shake_hands(session, handlers)
        if options.readahead_kib:
            _set_readahead(mount, options.readahead_kib)
        again = service.again and service.staff.alone and can_send_again(session)
        clone = not service.share and not again and can_clone(session)
        crew, states = service.staff.crew(Post(session, log, clone, again))
        safe = clone or again
        supervisor = Supervisor(
            mount,
            session,
            crew,
            states,
            replaceable=safe,
            signals=signals,
            log=log,
            sink=sink,
            outdated=service.outdated,
        )
        _log.info("mounting %s on %s%s", mount.store, mount.mountpoint, "" if safe else ", sharing the device")
        gc.collect()
        supervisor.run(lambda: on_ready(mount))


@contextmanager
def _mounted(service: Service) -> Iterator[tuple[MountInfo, int]]:
    """Mount, and give the mount and the device's descriptor; unmount if it still is mounted at the end."""
    options = service.options
    device = attach(
        service.mountpoint, os.fspath(service.store), allow_other=options.allow_other, writable=service.writable
    )
    try:
        mount = find_mount(service.mountpoint)
        if mount is None:
            raise MountError(f"{service.mountpoint} was unmounted while it was being mounted")
        try:
            yield mount, device
        finally:
            left = find_mount(service.mountpoint)
            if left is not None and left.device == mount.device:
                with contextlib.suppress(OSError, MountError):
                    detach(service.mountpoint, lazy=True)
    finally:
        with contextlib.suppress(OSError):  # the session closed it already
            os.close(device)


@contextmanager
def _logging(service: Service, mount: MountInfo) -> Iterator[tuple[LogPipe, Callable[[bytes], None]]]:
    """Send stderr through a pipe, and give the pipe and what its supervisor is to do with what comes out of it."""
    pipe = LogPipe()
    stderr = os.dup(2)
    file = LogFile(mount.log)

    def sink(data: bytes) -> None:
        file.write(data)
        if service.verbose:
            with contextlib.suppress(OSError):
                os.write(stderr, data)

    log_to_stderr()
    pipe.become_stderr()
    try:
        yield pipe, sink
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        sink(pipe.drain())
        file.close()
        pipe.close()


@contextmanager
def _declared(mount: MountInfo) -> Iterator[None]:
    """Hold the file locked that says who serves the mount; without one (a read-only store) `unmount` does not wait.

    The descriptor stays open on purpose: the lock ends with this process, and not a moment before.
    """
    path = lock_path(mount)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _shake_hands(session: int, handlers: InitHandlers) -> None:
    """Answer the kernel's INIT request."""
    pyfuse3.init(handlers, f"/dev/fd/{session}", set())
    answer_init(lambda: handlers.initialised)
    if not handlers.initialised:
        raise MountError("the kernel closed the mount before it began: see the system's log")


def _set_readahead(mount: MountInfo, kib: int) -> None:
    """Set how far the kernel reads ahead, if this user may. INIT's answer sets it too, so come after that."""
    with contextlib.suppress(OSError):
        Path(f"/sys/class/bdi/{mount.device}/read_ahead_kb").write_text(str(kib))
