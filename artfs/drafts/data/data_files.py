"""Data files of a draft: the bytes that were written and are not in the store yet.

A data file has the bytes of one inode, at the offsets that they have in it; or it is shared by many small files, one
behind the other. Both kinds are named by a number, in which one bit says that the file is shared.
"""

from __future__ import annotations

import errno
import os
import re
from collections import OrderedDict
from pathlib import Path
from typing import Final

from artfs.drafts.namespace.inodes import os_error
from artfs.files.store_files import open_directory, open_file_at
from artfs.files.writes import PIECE_BYTES, punch_hole, pwrite_all

__all__ = ["DataFiles", "file_name", "id_of", "is_shared", "shared_file"]

_SHARED: Final = 1 << 62
_OPEN: Final = 256
_NAME: Final = re.compile(r"(spool-)?([1-9][0-9]*)")


def shared_file(unique: int) -> int:
    """The number of the shared data file with this id."""
    return unique | _SHARED


def is_shared(data: int) -> bool:
    """True if a data file is shared by many small files."""
    return bool(data & _SHARED)


def id_of(data: int) -> int:
    """The id of a data file: no other one has it, shared or not."""
    return data & ~_SHARED


def file_name(data: int) -> str:
    """The name of a data file in its directory."""
    return f"spool-{data ^ _SHARED}" if data & _SHARED else str(data)


class DataFiles:
    """Data files by number, some of them open.

    Args:
        directory: Where they are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = open_directory(directory)
        self._open: OrderedDict[int, int] = OrderedDict()
        self._synced: set[int] = set()
        self._failed: set[int] = set()
        self._has_new_names = True

    def _descriptor(self, data: int, flags: int = 0) -> int:
        descriptor = self._open.get(data)
        if descriptor is not None:
            self._open.move_to_end(data)
            return descriptor
        descriptor = open_file_at(self._directory, file_name(data), os.O_RDWR | flags)
        self._open[data] = descriptor
        if len(self._open) > _OPEN:
            os.close(self._open.popitem(last=False)[1])
        return descriptor

    def create(self, data: int) -> None:
        """Create an empty data file.

        One that exists is emptied: the transaction that its id was given to failed.
        """
        self._descriptor(data, os.O_CREAT | os.O_TRUNC)
        self._has_new_names = True

    def write(self, data: int, offset: int, piece: bytes) -> None:
        """Write all of a piece at an offset.

        Raises:
            OSError: Some of it may be written.
        """
        self._synced.discard(data)
        descriptor = self._descriptor(data)
        written = os.pwrite(descriptor, piece, offset) if len(piece) <= PIECE_BYTES else 0
        if written < len(piece):
            pwrite_all(descriptor, memoryview(piece)[written:], offset + written)

    def read(self, data: int, offset: int, size: int) -> bytes:
        """Read at an offset. Bytes that the file lacks, since a power cut took them, read as zeros."""
        piece = os.pread(self._descriptor(data), size, offset)
        return piece if len(piece) == size else piece + bytes(size - len(piece))

    def length(self, data: int) -> int | None:
        """Length of a data file in bytes; None if it is not there."""
        try:
            return os.fstat(self._descriptor(data)).st_size
        except FileNotFoundError:
            return None

    def next_hole(self, data: int, offset: int) -> int:
        """Offset of the first hole of a data file from an offset in it on; its end counts as one."""
        return os.lseek(self._descriptor(data), offset, os.SEEK_HOLE)

    def punch_hole(self, data: int, offset: int, size: int) -> None:
        """Free the space of a range, where the file system can."""
        punch_hole(self._descriptor(data), offset, size)

    def sync(self, data: int) -> None:
        """Make the bytes of a data file durable, also those of earlier processes; not its name.

        Raises:
            OSError: It failed, now or earlier: the system reports a failed sync once only, and the bytes may be gone.
        """
        if data in self._failed:
            raise os_error(errno.EIO)
        if data in self._synced:
            return
        try:
            os.fdatasync(self._descriptor(data))
        except OSError:
            self._failed.add(data)
            raise
        self._synced.add(data)

    def sync_names(self) -> None:
        """Make the names of all data files durable, also of those that earlier processes created.

        Raises:
            OSError: The system refused.
        """
        if self._has_new_names:
            os.fsync(self._directory)
            self._has_new_names = False

    def remove(self, data: int) -> None:
        """Remove a data file, which may be gone already."""
        self._synced.discard(data)
        self._failed.discard(data)
        descriptor = self._open.pop(data, -1)
        if descriptor >= 0:
            os.close(descriptor)
        try:
            os.unlink(file_name(data), dir_fd=self._directory)
        except FileNotFoundError:
            return

    def list(self) -> set[int]:
        """The numbers of all data files that exist."""
        found = [_NAME.fullmatch(name) for name in os.listdir(self._directory)]
        return {int(match[2]) | (_SHARED if match[1] else 0) for match in found if match}

    def free_bytes(self) -> int:
        """Free space of the file system that they are on.

        Raises:
            OSError: The system refused.
        """
        space = os.fstatvfs(self._directory)
        return space.f_bavail * space.f_frsize

    def close(self) -> None:
        """Close all."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
        os.close(self._directory)
