"""Which processes died of reading the index: the next to open it has to know.

LMDB trusts its pages, so a damaged one can end whoever reads it with a SIGBUS or SIGSEGV. `faulthandler` then
writes where the process was to `index/deaths`; a SIGKILL writes nothing there. A file that says that a process was
within the catalog makes every open refuse, until `artfs fsck` has proved the index or made another, in a directory
that has no such file.
"""

from __future__ import annotations

import faulthandler
import os
import re
from pathlib import Path
from typing import Final

from artfs.errors import IntegrityError

__all__ = ["check_deaths", "deaths_size", "expect_deaths", "forget_deaths", "note_deaths", "told_deaths"]

_NAME: Final = "deaths"
_ENOUGH: Final = 64 << 10
_WITHIN: Final = f"{os.sep}artfs{os.sep}catalog{os.sep}".encode()
_CURRENT: Final = re.compile(rb"^Current thread .*?(?=^$|\Z)", re.MULTILINE | re.DOTALL)
_SIGNALS: Final = {
    b"Bus error": "SIGBUS",
    b"Segmentation fault": "SIGSEGV",
    b"Aborted": "SIGABRT",
    b"Floating": "SIGFPE",
    b"Illegal": "SIGILL",
}


def expect_deaths(index: Path) -> None:
    """Make the file; it comes with the index, as commands that only look leave nothing in a store.

    Args:
        index: The directory of the index.

    Raises:
        OSError: The system refused.
    """
    os.close(os.open(index / _NAME, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def note_deaths(index: Path) -> None:
    """Have this process write to the index's file of deaths should it die of a signal that its own doing causes.

    Where there is no such file, or it cannot be written, nothing is noted. The file stays open until the process ends.

    Args:
        index: The directory of the index.
    """
    try:
        descriptor = os.open(index / _NAME, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if os.fstat(descriptor).st_size > _ENOUGH and told_deaths(index) is None:
            os.ftruncate(descriptor, 0)
    except OSError:
        return
    faulthandler.enable(descriptor)


def check_deaths(index: Path) -> None:
    """Refuse an index of which a process died.

    Args:
        index: Its directory.

    Raises:
        IntegrityError: One did, and the index was neither proved nor made again since.
    """
    how = told_deaths(index)
    if how is not None:
        raise IntegrityError(
            f"a process died of {how} while it read the index {index}, which may be damaged: "
            "`artfs fsck` checks it, `artfs fsck --repair` makes it again"
        )


def told_deaths(index: Path) -> str | None:
    """The signal that ended the first process to die of an index; None if none did."""
    if not deaths_size(index):
        return None
    try:
        told = (index / _NAME).read_bytes()
    except OSError:
        return None
    for death in told.split(b"Fatal Python error: ")[1:]:
        current = _CURRENT.search(death)  # missing where the process was killed as it wrote: then all of it counts
        if _WITHIN in (current[0] if current else death):
            return next((name for text, name in _SIGNALS.items() if death.startswith(text)), "a signal")
    return None


def deaths_size(index: Path) -> int:
    """How much is noted."""
    try:
        return os.stat(index / _NAME).st_size
    except OSError:
        return 0


def forget_deaths(index: Path, size: int) -> None:
    """Empty the file, as the index was proved to be sound; a death since stays.

    Args:
        index: The directory of the index.
        size: `deaths_size` before the index was looked at.
    """
    if size and deaths_size(index) == size:
        try:
            os.truncate(index / _NAME, 0)  # those who have it open append
        except OSError:
            return
