"""Processes of a mount: forked, tied to their parent's life, and told of signals through a descriptor."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

from artfs.fuse import syscalls

__all__ = ["fork_child", "kill", "signals_by_descriptor"]

_HANDLED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_KILL_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


def fork_child(main: Callable[[], int]) -> int:
    """Fork a process that runs `main`, exits with what it returns, and is killed when this one dies.

    Returns:
        The child's process id.
    """
    parent = os.getpid()
    # A signal that comes between the fork and the child's own handlers would be told to the parent's descriptor.
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
        # A Ctrl-C on the terminal reaches all processes of a mount in the foreground: only the supervisor heeds it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        return main()
    except BaseException:  # noqa: BLE001 # a child must not run on into its parent's code
        _log.exception("process %d ends", os.getpid())
        return 1


def kill(children: Collection[int]) -> None:
    """Kill children that were not waited for, and wait for them; not for long, since the kernel may hold one fast."""
    for child in children:
        os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + _KILL_SECONDS
    left = set(children)
    while left and time.monotonic() < deadline:
        left = {child for child in left if os.waitpid(child, os.WNOHANG)[0] == 0}
        time.sleep(0.001)


def _tell(writer: int, number: int) -> None:
    with contextlib.suppress(BlockingIOError):  # full of signals that nobody has looked at yet
        os.write(writer, bytes([number]))


@contextmanager
def signals_by_descriptor() -> Iterator[int]:
    """Give a descriptor from which the numbers of SIGTERM, SIGINT, SIGHUP and SIGCHLD can be read, one byte each."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    # (Not signal.set_wakeup_fd: trio has a use of its own for it while it runs.)
    before = {number: signal.signal(number, lambda number, _frame: _tell(writer, number)) for number in _HANDLED}
    try:
        yield reader
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
