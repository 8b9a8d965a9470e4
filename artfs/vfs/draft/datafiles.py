"""The data files of a draft: what was written and is not in the store yet."""

from __future__ import annotations

import ctypes
import errno
import os
import re
from collections import OrderedDict
from pathlib import Path
from typing import Final

from artfs.chunks.handover import pwrite
from artfs.vfs.draft.inodes import fault

__all__ = ["SPOOL", "DataFiles", "file_name"]

SPOOL: Final = 1 << 62
"""Set in the number of a data file that many small files share."""

_OPEN: Final = 256
_NAME: Final = re.compile(r"(spool-)?([1-9][0-9]*)")
_PUNCH: Final = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE of <linux/falloc.h>


_libc: Final = ctypes.CDLL(None)


def file_name(data: int) -> str:
    """What a data file is called in its directory."""
    return f"spool-{data ^ SPOOL}" if data & SPOOL else str(data)


class DataFiles:
    """Data files by number, some of them open.

    Args:
        directory: Where they are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: OrderedDict[int, int] = OrderedDict()
        self._synced: set[int] = set()
        self._failed: set[int] = set()
        self._unnamed = True

    def _descriptor(self, data: int, flags: int = 0) -> int:
        descriptor = self._open.get(data)
        if descriptor is not None:
            self._open.move_to_end(data)
            return descriptor
        descriptor = os.open(file_name(data), os.O_RDWR | os.O_CLOEXEC | flags, 0o600, dir_fd=self._directory)
        self._open[data] = descriptor
        if len(self._open) > _OPEN:
            os.close(self._open.popitem(last=False)[1])
        return descriptor

    def create(self, data: int) -> None:
        """Make an empty data file; one that is there is emptied: its number was taken by a change that never was."""
        self._descriptor(data, os.O_CREAT | os.O_TRUNC)
        self._unnamed = True

    def write(self, data: int, offset: int, piece: bytes) -> int:
        """Write at an offset; tells how much, which is less than asked when the disk is full.

        Raises:
            OSError: Nothing could be written.
        """
        self._synced.discard(data)
        return pwrite(self._descriptor(data), piece, offset)

    def read(self, data: int, offset: int, size: int) -> bytes:
        """Read at an offset; what the file has not (a power cut took it) is zero."""
        piece = os.pread(self._descriptor(data), size, offset)
        return piece if len(piece) == size else piece + bytes(size - len(piece))

    def truncate(self, data: int, size: int) -> None:
        """Give back the space after `size`."""
        os.ftruncate(self._descriptor(data), size)

    def punch(self, data: int, offset: int, size: int) -> None:
        """Give back the space of a range, where the file system can."""
        _libc.fallocate(self._descriptor(data), _PUNCH, ctypes.c_int64(offset), ctypes.c_int64(size))

    def sync(self, data: int) -> None:
        """Make what was written durable, by earlier processes too; not the file's name.

        Raises:
            OSError: It could not be; it never will be said to be.
        """
        if data in self._failed:  # the system tells once only
            raise fault(errno.EIO)
        if data in self._synced:
            return
        try:
            os.fdatasync(self._descriptor(data))
        except OSError:
            self._failed.add(data)
            raise
        self._synced.add(data)

    def sync_names(self) -> None:
        """Make the names of all that were made durable, by earlier processes too.

        Raises:
            OSError: It could not be done.
        """
        if self._unnamed:
            os.fsync(self._directory)
            self._unnamed = False

    def remove(self, data: int) -> None:
        """Remove a data file, which may be gone."""
        self._synced.discard(data)
        self._failed.discard(data)
        descriptor = self._open.pop(data, -1)
        if descriptor >= 0:
            os.close(descriptor)
        try:
            os.unlink(file_name(data), dir_fd=self._directory)
        except FileNotFoundError:
            return

    def numbers(self) -> list[int]:
        """Of all that are there."""
        found = [_NAME.fullmatch(name) for name in os.listdir(self._directory)]
        return [int(match[2]) | (SPOOL if match[1] else 0) for match in found if match]

    def free_space(self) -> os.statvfs_result:
        """Of the file system that they are on."""
        try:
            return os.fstatvfs(self._directory)
        except OSError as error:
            raise fault(error.errno or errno.EIO) from error

    def close(self) -> None:
        """Close all."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
        os.close(self._directory)
