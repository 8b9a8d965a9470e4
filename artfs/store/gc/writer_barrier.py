"""Wait for writers that began before chunks were condemned; then gc may sweep."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from artfs.errors import ConflictError
from artfs.files.store_files import open_file

__all__ = ["await_writers"]

_PAUSE_SECONDS: Final = 0.02


def await_writers(tmp: Path, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait until all writer sessions that are alive now have ended.

    Those that begin meanwhile find condemned content missing, and store it again.

    Args:
        tmp: The directory of the sessions.
        timeout: Seconds to wait.
        clock: Returns the time in seconds.

    Raises:
        ConflictError: Some go on.
    """
    alive = [path for path in tmp.glob("*.lock") if _writer(path) is not None]
    deadline = clock() + timeout
    while alive := [path for path in alive if _writer(path) is not None]:
        if clock() >= deadline:
            writers = sorted({writer for path in alive if (writer := _writer(path)) is not None})
            raise ConflictError(
                f"writers that began before gc go on ({', '.join(map(_name, writers))}): "
                "run gc again when they have ended; it has removed no contents"
            )
        time.sleep(_PAUSE_SECONDS)


def _writer(path: Path) -> int | None:
    """Return the process of a session; 0 if that is not known, None if it has ended."""
    try:
        descriptor = open_file(path, os.O_RDONLY)
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


def _name(writer: int) -> str:
    return f"process {writer}" if writer else "a process"
