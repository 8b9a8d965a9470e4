"""Reader leases: counts of open versions, by which gc keeps deleted ones until they are closed.

    readers/<id>/lock    flocked as long as the reader, or one of the processes that it forked, is alive
    readers/<id>/<n>     one process's counts: rows of three numbers of 8 bytes, little-endian: serial of a version,
                         number of opens, number of closes; a serial of 0 ends them

One worker of a mount may close what another has opened, so only the sum over all files of a reader has a meaning. A
reader counts first and checks afterwards that the version is there; gc removes the version first and reads the counts
afterwards. So one of the two sees the other.

A reader that cannot write there has a shared flock on the directory `readers/` itself instead. Nobody knows what it
reads: as long as there is one, gc keeps all versions that the index still has.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Final

from artfs.files.store_files import make_directory, open_directory, open_file, remove_tree, rename

__all__ = ["OpenCounts", "ReaderLease", "are_uncounted", "lock_uncounted", "read_serials"]

_ROW: Final = Struct("<QQQ")
_NUMBER: Final = Struct("<Q")
_STEP: Final = 4096 * 3  # whole pages, whole rows


class ReaderLease:
    """Lease of a reader: one process, or the workers of a mount, which are forked after it is made.

    Args:
        readers: The store's directory `readers/`.

    Raises:
        OSError: The system refused.
    """

    def __init__(self, readers: Path) -> None:
        make_directory(readers, exist_ok=True)
        _sweep(readers)
        making = readers / f".{secrets.token_hex(8)}"
        make_directory(making)
        self._lock = open_file(making / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self.directory = readers / making.name[1:]
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            rename(making, self.directory)
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """End the lease, for all its processes."""
        remove_tree(self.directory)
        os.close(self._lock)


class OpenCounts:
    """Counts of one process.

    Args:
        directory: Of the reader's lease.

    Raises:
        OSError: The system refused.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / secrets.token_hex(8)
        self._fd = open_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            os.ftruncate(self._fd, _STEP)
            self._memory = mmap.mmap(self._fd, _STEP)
        except BaseException:
            os.close(self._fd)
            raise
        self._rows: dict[int, int] = {}

    def opened(self, serial: int) -> None:
        """Count an open of a version."""
        self._count(serial, 8)

    def closed(self, serial: int) -> None:
        """Count a close of a version, which another process may have opened."""
        self._count(serial, 16)

    def _count(self, serial: int, field: int) -> None:
        at = self._rows.get(serial)
        if at is None:
            at = self._rows[serial] = len(self._rows) * _ROW.size
            if at + _ROW.size > len(self._memory):
                os.ftruncate(self._fd, len(self._memory) + _STEP)
                self._memory.resize(len(self._memory) + _STEP)
            _NUMBER.pack_into(self._memory, at, serial)
        at += field
        _NUMBER.pack_into(self._memory, at, _NUMBER.unpack_from(self._memory, at)[0] + 1)

    def close(self) -> None:
        """Close the file; the counts stay."""
        self._memory.close()
        os.close(self._fd)


def lock_uncounted(readers: Path) -> int:
    """Have gc keep all versions until the descriptor is closed, or the process and its children end.

    Args:
        readers: The store's directory `readers/`, which cannot be written.

    Raises:
        OSError: The system refused.
    """
    descriptor = open_directory(readers)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def are_uncounted(readers: Path) -> bool:
    """True if a reader that cannot write its counts is alive."""
    try:
        descriptor = open_directory(readers)
    except OSError:
        return False
    return _is_refused(descriptor, fcntl.LOCK_EX)


def read_serials(readers: Path) -> set[int]:
    """The serials of all versions that are open in a reader."""
    found: set[int] = set()
    for directory in _directories(readers):
        if _is_alive(directory):
            # Closes first: what is closed after this was opened before the next line, and counts as open.
            closed = _sum(_files(directory), 2)
            opened = _sum(_files(directory), 1)
            found.update(serial for serial, count in opened.items() if count > closed[serial])
    return found


def _files(directory: Path) -> list[Path]:
    """The files with the counts of a reader; none if it has ended meanwhile."""
    try:
        return [directory / name for name in os.listdir(directory) if name != "lock"]
    except FileNotFoundError:
        return []


def _sum(files: list[Path], field: int) -> Counter[int]:
    counts: Counter[int] = Counter()
    for path in files:
        with suppress(OSError):
            data = path.read_bytes()
            for row in _ROW.iter_unpack(data[: len(data) // _ROW.size * _ROW.size]):
                if not row[0]:
                    break
                counts[row[0]] += row[field]
    return counts


def _directories(readers: Path) -> Iterator[Path]:
    return (path for path in readers.glob("[0-9a-f]*") if path.is_dir())


def _is_alive(directory: Path) -> bool:
    try:
        descriptor = open_file(directory / "lock", os.O_RDONLY)
    except OSError:
        return False
    return _is_refused(descriptor, fcntl.LOCK_SH)


def _is_refused(descriptor: int, kind: int) -> bool:
    """Return whether a lock is refused because another process has it; close the descriptor.

    Args:
        descriptor: Of the file.
        kind: LOCK_SH or LOCK_EX.
    """
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _sweep(readers: Path) -> None:
    """Remove what dead readers left."""
    for directory in _directories(readers):
        if not _is_alive(directory):
            remove_tree(directory)
