"""Make the process die, or a system call fail, at the k-th of those that change what is on the disk.

The calls are those that Python makes by way of `os`, and the commits of LMDB. Counting them first tells how many there
are; who then goes through all k has met every step. (`faults` goes below Python, and takes longer.)
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from artfs.kv import environment, mdb_file

__all__ = ["CALLS", "Faults", "dying_at", "failing_at"]

CALLS: Final = (
    "fdatasync",
    "fsync",
    "ftruncate",
    "link",
    "mkdir",
    "pwrite",
    "pwritev",
    "rename",
    "replace",
    "rmdir",
    "unlink",
    "write",
    "writev",
)
"""Functions of `os`."""
_COMMIT: Final = "commit"


class Faults:
    """Counts calls, and strikes at one of them.

    Args:
        at: Which, from 1 on; 0: none.
        strike: What happens instead of that call; if it returns, the call is made.

    Attributes:
        calls: The calls so far, by name, in order.
        fired: Whether it has struck.
    """

    def __init__(self, at: int, strike: Callable[[str], None]) -> None:
        self.calls: list[str] = []
        self.fired = False
        self._at = at
        self._strike = strike

    def met(self, call: str) -> None:
        """A call is about to be made."""
        self.calls.append(call)
        if len(self.calls) == self._at:
            self.fired = True
            self._strike(call)

    @contextmanager
    def armed(self) -> Iterator[Faults]:
        """Count, and strike, what this process calls meanwhile."""
        with _patched(self):
            yield self


@contextmanager
def _patched(faults: Faults) -> Iterator[None]:
    """Put a wrapper around each of the calls."""

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            faults.met(name)
            return real(*args, **more)

        return call

    patches = [patch.object(os, name, wrapped(name, getattr(os, name))) for name in CALLS]
    patches.append(patch.object(environment, "sized_commit", wrapped(_COMMIT, mdb_file.sized_commit)))
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in reversed(patches):
            one.stop()


def dying_at(at: int) -> Faults:
    """Have the process killed at the `at`-th call (0: only count)."""
    return Faults(at, lambda _call: os.kill(os.getpid(), signal.SIGKILL))


def failing_at(at: int, error: int) -> Faults:
    """Have the `at`-th call fail with an error number (0: only count)."""

    def fail(_call: str) -> None:
        raise OSError(error, os.strerror(error))

    return Faults(at, fail)
