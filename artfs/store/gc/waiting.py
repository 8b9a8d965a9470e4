"""Wait for the writers that may count on what was condemned: those that began before."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from artfs.errors import ConflictError

__all__ = ["await_writers"]

_PAUSE_SECONDS: Final = 0.02


def await_writers(tmp: Path, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait until all writer sessions that are alive now have ended; those that begin meanwhile do not matter.

    Args:
        tmp: Where sessions are.
        patience: Seconds to wait.
        clock: Gives the time in seconds.

    Raises:
        ConflictError: Some go on.
    """
    alive = [path for path in tmp.glob("*.lock") if _writer(path) is not None]
    until = clock() + patience
    while alive := [path for path in alive if _writer(path) is not None]:
        if clock() >= until:
            writers = sorted({writer for path in alive if (writer := _writer(path)) is not None})
            raise ConflictError(
                f"writers that began before gc go on ({', '.join(map(_named, writers))}): "
                "run gc again when they have ended; it has removed no contents"
            )
        time.sleep(_PAUSE_SECONDS)


def _writer(path: Path) -> int | None:
    """The process of a session; 0 if that is not known, None if it has ended."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)
    return None


def _named(writer: int) -> str:
    return f"process {writer}" if writer else "a process"
