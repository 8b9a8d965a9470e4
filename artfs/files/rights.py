"""The rights of a directory's owner, for what root does there through a library that follows symlinks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["rights_of_owner"]


@contextmanager
def rights_of_owner(directory: int) -> Iterator[bool]:
    """Give this thread, if it is root's, only the rights of a directory's owner in file systems, for a block.

    A symlink that the owner puts there meanwhile leads to nothing that the owner could not open as well.

    Args:
        directory: Descriptor of the directory.

    Yields:
        True if the directory is another user's than root. The path to it may then be closed to its owner:
        `/proc/self/fd/` with the descriptor is not.
    """
    status = os.fstat(directory)
    if os.geteuid() != 0 or status.st_uid == 0:
        yield False
        return
    import ctypes  # noqa: PLC0415 # 2 ms that only root pays, for stores of others

    libc = ctypes.CDLL(None)
    group = libc.setfsgid(status.st_gid)
    try:
        libc.setfsuid(status.st_uid)  # last, as it takes the right to set the group
        yield True
    finally:
        libc.setfsuid(0)
        libc.setfsgid(group)
