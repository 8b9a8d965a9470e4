"""What the system's own calls leave to be done by whoever keeps files: writes in full, and names that last."""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["sync_directory", "write_all"]


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of it: where one call takes a part, the next one takes the rest or says why not.

    Args:
        descriptor: Of a file that may be written to.
        data: What to write.
        offset: Where, in bytes from the file's beginning.

    Raises:
        OSError: The system refused; a part may be written.
    """
    left = memoryview(data)
    while left:
        written = os.pwrite(descriptor, left, offset)
        if not written:  # no file system should, and asking again could go on for ever
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        left, offset = left[written:], offset + written


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive the machine.

    Args:
        directory: Which one.

    Raises:
        OSError: It cannot be opened, or synced.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
