"""Serve a mount in this process, from the kernel's first request to the last."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyfuse3

from artfs.errors import MountError
from artfs.files.store_files import open_file, remove_file
from artfs.fuse.device import syscalls
from artfs.fuse.device.device import attach, can_clone, can_resend, detach, set_readahead
from artfs.fuse.options import MountOptions
from artfs.fuse.prefork.logfile import LogFile, LogPipe, log_to_stderr
from artfs.fuse.prefork.mount_kind import InitHandlers, MountKind, WorkerContext
from artfs.fuse.prefork.process import signals_by_descriptor
from artfs.fuse.prefork.store_watch import StoreWatch
from artfs.fuse.prefork.supervisor import Supervisor
from artfs.fuse.pyfuse3_loop import answer_init
from artfs.kv import crash_marker
from artfs.mountinfo import MountInfo, find_mount, lock_path
from artfs.names import parse_store_path
from artfs.store.layout import Layout, read_layout

__all__ = ["Service", "serve", "serve_mount"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """A mount to be served.

    Attributes:
        store: The store's directory: the mount's source in the mount table, and home of its log.
        mountpoint: An empty directory, absolute and without symlinks.
        kind: The kind of mount.
        options: How to serve it.
        verbose: Copy the log to stderr.
        share: Have workers share the device's descriptor, as they must where it cannot be cloned.
        resend: Have requests that a process left without an answer resent to its successor, where a single process
            answers and the kernel can do that.
        outdated: Returns True, once, when the index that its processes opened was replaced.
        missing: Returns why the store cannot be reached; empty if it can.
    """

    store: Path
    mountpoint: str
    kind: MountKind
    options: MountOptions
    verbose: bool = False
    share: bool = False
    resend: bool = True
    outdated: Callable[[], bool] = lambda: False
    missing: Callable[[], str] = lambda: ""


def serve_mount(
    open_kind: Callable[[Layout, MountOptions], AbstractContextManager[MountKind]],
    store: str,
    mountpoint: str,
    options: MountOptions,
    on_ready: Callable[[MountInfo], None],
    *,
    verbose: bool,
) -> None:
    """Mount a store or its drafts, and serve them until they are unmounted.

    Args:
        open_kind: Makes the kind of mount: `open_readonly_mount` or `open_staging_mount`.
        store: The store's directory.
        mountpoint: A directory that was found to be vacant.
        options: How to serve it.
        on_ready: Called when the mount answers.
        verbose: Copy the log to stderr.

    Raises:
        ConflictError: Another staging mount serves the drafts of this store.
        ArtfsError: The store cannot be opened or not be mounted.
    """
    layout = read_layout(parse_store_path(store))
    crash_marker.check(layout.index)
    with open_kind(layout, options) as kind:
        watch = StoreWatch(layout)
        service = Service(
            layout.root,
            mountpoint,
            kind,
            options,
            verbose=verbose,
            outdated=watch.index_replaced,
            missing=watch.missing,
        )
        serve(service, on_ready)


def serve(service: Service, on_ready: Callable[[MountInfo], None]) -> None:
    """Mount, and serve until the file system is unmounted: by `unmount`, a signal, or any program.

    Args:
        service: The mount.
        on_ready: Called when the mount answers.

    Raises:
        ArtfsError: It could not be mounted.
    """
    syscalls.name_process("artfs-mount")
    options = service.options
    with (
        signals_by_descriptor() as signals,
        _mounted(service) as (mount, session),
        _locked(mount),
        _logging(service, mount) as (log, sink),
    ):
        handlers = service.kind.handlers
        _shake_hands(session, handlers)
        if options.readahead_kib:
            set_readahead(mount, options.readahead_kib)
        resend = service.resend and service.kind.staging and can_resend(session)
        clone = not service.share and not resend and can_clone(session)
        safe = clone or resend
        supervisor = Supervisor(
            mount,
            session,
            service.kind.pool(WorkerContext(session, log, clone, resend)),
            replaceable=safe,
            signals=signals,
            log=log,
            sink=sink,
            outdated=service.outdated,
            missing=service.missing,
        )
        _log.info("mounting %s on %s%s", mount.store, mount.mountpoint, "" if safe else ", sharing the device")
        gc.collect()
        supervisor.run(lambda: on_ready(mount))


@contextmanager
def _mounted(service: Service) -> Iterator[tuple[MountInfo, int]]:
    """Mount, and yield the mount and the device's descriptor; unmount at the end."""
    options = service.options
    device = attach(
        service.mountpoint, os.fspath(service.store), allow_other=options.allow_other, writable=service.kind.staging
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
    """Send stderr through a pipe; yield the pipe, and the function that writes its output to the log."""
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
def _locked(mount: MountInfo) -> Iterator[None]:
    """Lock the file that names the daemon of the mount, for `unmount` to wait.

    There is none in a read-only store. The descriptor stays open on purpose: the lock ends with this process, and not a
    moment before.
    """
    path = lock_path(mount)
    try:
        descriptor = open_file(path, os.O_RDWR | os.O_CREAT)
    except OSError:
        yield
        return
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            remove_file(path)


def _shake_hands(session: int, handlers: InitHandlers) -> None:
    """Answer the kernel's INIT request."""
    pyfuse3.init(handlers, f"/dev/fd/{session}", set())
    answer_init(lambda: handlers.initialised)
    if not handlers.initialised:
        raise MountError("the kernel closed the mount before it began: see the system's log")
