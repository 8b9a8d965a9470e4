"""Crash marker: a file that records that reading the index killed a process.

LMDB maps its file and trusts its pages, so a damaged page can kill a reader with SIGBUS or SIGSEGV. `faulthandler` then
writes the traceback to `index/deaths` (a SIGKILL writes nothing there). If the traceback shows a read of the index,
every open is refused, until `artfs fsck` has proved the index or made another, in a directory that has no such file.

- A process that died within LMDB has a frame in this package or in the catalog.
- The rows of a draft are read through this package too; they are no index. Its caller's room tells them apart.
"""

from __future__ import annotations

import faulthandler
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from artfs.errors import IntegrityError
from artfs.files.store_files import open_file

__all__ = ["check", "clear", "create", "install", "read", "size"]

_NAME: Final = "deaths"
_MAX_SIZE: Final = 64 << 10
_installed: list[int] = []
"""The descriptor that `faulthandler` writes to."""
_CURRENT: Final = re.compile(rb"^Current thread .*?(?=^$|\Z)", re.MULTILINE | re.DOTALL)
_ROOM: Final = re.compile(rb"/artfs/(kv|catalog|drafts)/")
_SIGNALS: Final = {
    b"Bus error": "SIGBUS",
    b"Segmentation fault": "SIGSEGV",
    b"Aborted": "SIGABRT",
    b"Floating": "SIGFPE",
    b"Illegal": "SIGILL",
}


def create(index: Path) -> None:
    """Create the empty marker, together with the index: commands that only read create no files.

    Args:
        index: The directory of the index.

    Raises:
        OSError: The system refused.
    """
    os.close(open_file(index / _NAME, os.O_WRONLY | os.O_CREAT))


def install(index: Path) -> None:
    """Have this process write its traceback to the marker if it crashes.

    Where the marker is missing, or cannot be written, nothing is installed. It stays open until the process ends, or
    installs another one.

    Args:
        index: The directory of the index.
    """
    try:
        descriptor = open_file(index / _NAME, os.O_RDWR | os.O_APPEND)
    except OSError:
        return
    with suppress(OSError):
        if os.fstat(descriptor).st_size > _MAX_SIZE and read(index) is None:
            os.ftruncate(descriptor, 0)
    faulthandler.enable(descriptor)
    while _installed:
        os.close(_installed.pop())
    _installed.append(descriptor)


def check(index: Path) -> None:
    """Refuse an index that killed a process.

    Args:
        index: The directory of the index.

    Raises:
        IntegrityError: It did, and was neither proved nor made again since.
    """
    signal = read(index)
    if signal is not None:
        raise IntegrityError(
            f"a process died of {signal} while it read the index {index}, which may be damaged: "
            "`artfs fsck` checks it, `artfs fsck --repair` makes it again"
        )


def read(index: Path) -> str | None:
    """Return the signal that ended the first process that died of reading the index; None if none did."""
    if not size(index):
        return None
    try:
        written = (index / _NAME).read_bytes()
    except OSError:
        return None
    for crash in written.split(b"Fatal Python error: ")[1:]:
        current = _CURRENT.search(crash)  # missing where the process was killed as it wrote: then all of it counts
        if _read_index(current[0] if current else crash):
            return next((name for text, name in _SIGNALS.items() if crash.startswith(text)), "a signal")
    return None


def _read_index(traceback: bytes) -> bool:
    """True if a traceback, innermost frame first, is of a process that read the index."""
    rooms = _ROOM.findall(traceback)
    return bool(rooms) and next((room for room in rooms if room != b"kv"), b"catalog") == b"catalog"


def size(index: Path) -> int:
    """Return the size of the marker in bytes; 0 where it is missing."""
    try:
        return os.stat(index / _NAME).st_size
    except OSError:
        return 0


def clear(index: Path, before: int) -> None:
    """Empty the marker, as the index was proved to be sound, unless another process died since.

    Args:
        index: The directory of the index.
        before: `size` before the index was checked.
    """
    if before and size(index) == before:
        with suppress(OSError):
            descriptor = open_file(index / _NAME, os.O_WRONLY)
            try:
                os.ftruncate(descriptor, 0)  # processes that have it open append
            finally:
                os.close(descriptor)
