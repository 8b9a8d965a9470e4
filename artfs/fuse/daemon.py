"""Running a mount in the background."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from artfs.fuse.report import MAX_REPORT, decode_error, encode_error

__all__ = ["start_daemon"]

_READY: Final = b"ready"


def start_daemon(main: Callable[[Callable[[], None]], None]) -> None:
    """Run `main` in a process of its own, with no terminal and none of this process's files; return when it is ready.

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
                _be_daemon(main, writer)
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    report = os.read(reader, MAX_REPORT)  # not up to the end of the file: workers hold the other end too
    os.close(reader)
    if report != _READY:
        raise decode_error(report)


def _be_daemon(main: Callable[[Callable[[], None]], None], report: int) -> None:
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
    except BaseException as error:  # noqa: BLE001 # told to the starter, if it is still there
        try:
            os.write(report, encode_error(error))
        except OSError:
            os._exit(1)
    os._exit(0)
