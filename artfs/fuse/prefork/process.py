"""Processes of a mount: daemon and children, signals by descriptor, errors as bytes."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

from artfs import errors
from artfs.fuse.device import syscalls

__all__ = [
    "MAX_REPORT",
    "decode_error",
    "encode_error",
    "fork_child",
    "kill",
    "signals_by_descriptor",
    "start_daemon",
]

MAX_REPORT: Final = 4096
"""Bytes of an encoded error at most: what a pipe takes in one piece (PIPE_BUF)."""

_MAX_MESSAGE: Final = 600  # up to six bytes a character in JSON
_READY: Final = b"ready"
_HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_KILL_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


def start_daemon(main: Callable[[Callable[[], None]], None]) -> None:
    """Run `main` as a daemon, without terminal and open files; return when it is ready.

    Args:
        main: Runs until the daemon's end. It calls its argument when it is ready, and raises if it never will be.

    Raises:
        ArtfsError: What `main` raised before it was ready.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        # Two forks: the daemon leads no session, so it never gets a terminal, and is nobody's child to wait for.
        try:
            os.setsid()
            if os.fork() == 0:
                _run_daemon(main, writer)
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    report = os.read(reader, MAX_REPORT)  # not up to the end of the file: workers have the other end open too
    os.close(reader)
    if report != _READY:
        raise decode_error(report)


def _run_daemon(main: Callable[[Callable[[], None]], None], report: int) -> None:
    """Run `main`, report, and end the process."""
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, report)
    os.closerange(report + 1, os.sysconf("SC_OPEN_MAX"))

    def ready() -> None:
        os.write(report, _READY)  # fails if the starter is gone, which ends the daemon: it was interrupted
        os.close(report)

    try:
        main(ready)
    except BaseException as error:  # noqa: BLE001 # handed to the starter, if it is still there
        try:
            os.write(report, encode_error(error))
        except OSError:
            os._exit(1)
    os._exit(0)


def encode_error(error: BaseException) -> bytes:
    """Encode an error in one line; one that is not artfs's own becomes a MountError."""
    kind = type(error).__name__ if isinstance(error, errors.ArtfsError) else errors.MountError.__name__
    message = str(error) if isinstance(error, errors.ArtfsError) else f"{type(error).__name__}: {error}"
    return json.dumps([kind, message[:_MAX_MESSAGE], getattr(error, "errno", None)]).encode()


def decode_error(report: bytes) -> errors.ArtfsError:
    """Decode what `encode_error` made; anything else becomes a MountError."""
    try:
        kind, message, number = json.loads(report)
        make = getattr(errors, kind)
    except (ValueError, TypeError, AttributeError):
        said = f" ({report!r})" if report else ""
        return errors.MountError(
            f"the mount's daemon was ended before it could say why{said}: look into the store's logs/ and the kernel's"
            " log (out of memory?), and mount again"
        )
    if make is errors.StorageError:
        return errors.StorageError(message, number)
    error: errors.ArtfsError = make(message)
    return error


def fork_child(main: Callable[[], int]) -> int:
    """Fork a process that runs `main`, exits with what it returns, and is killed when this one dies.

    Returns:
        The child's process id.
    """
    parent = os.getpid()
    # A signal between the fork and the child's own handlers would be written to the parent's descriptor.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    try:
        child = os.fork()
        if child == 0:
            os._exit(_run_child(main, parent))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
    return child


def _run_child(main: Callable[[], int], parent: int) -> int:
    try:
        syscalls.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            return 1
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        # A Ctrl-C on the terminal reaches all processes of a mount in the foreground: only the supervisor handles it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        return main()
    except BaseException:  # noqa: BLE001 # a child must not run on into its parent's code
        _log.exception("process %d ends", os.getpid())
        return 1


def kill(children: Collection[int]) -> None:
    """Kill and reap children, within a second: one may be in an uninterruptible call."""
    for child in children:
        os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + _KILL_SECONDS
    left = set(children)
    while left and time.monotonic() < deadline:
        left = {child for child in left if os.waitpid(child, os.WNOHANG)[0] == 0}
        time.sleep(0.001)


def _write_signal(writer: int, number: int) -> None:
    with contextlib.suppress(BlockingIOError):  # full of signals that nobody has read yet
        os.write(writer, bytes([number]))


@contextmanager
def signals_by_descriptor() -> Iterator[int]:
    """Yield a descriptor from which the numbers of signals are read, one byte each.

    They are SIGTERM, SIGINT, SIGHUP and SIGCHLD.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    # (Not signal.set_wakeup_fd: trio has a use of its own for it while it runs.)
    before = {
        number: signal.signal(number, lambda number, _frame: _write_signal(writer, number)) for number in _HANDLED
    }
    try:
        yield reader
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
