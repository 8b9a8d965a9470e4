"""Who reads a version now: counts that gc looks at, so that what was deleted reads on until it is closed.

    readers/<id>/lock    flocked as long as the reader, or one of the processes that it forked, is alive
    readers/<id>/<n>     one process's counts: rows of three numbers of 8 bytes, little-endian: serial of a version,
                         how often it was opened, how often closed; a serial of 0 ends them

What one worker of a mount opens another may close, so only the sum over all of a reader's files means anything. A
reader counts first and looks afterwards whether the version is there; gc removes the version first and counts
afterwards. So one of the two sees the other.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Final

__all__ = ["Reader", "ReaderCounts", "read_serials"]

_ROW: Final = Struct("<QQQ")
_NUMBER: Final = Struct("<Q")
_STEP: Final = 4096 * 3  # whole pages, whole rows


class Reader:
    """A reader: one process, or the workers of a mount. Make it before they are forked.

    Args:
        readers: The store's directory for them.

    Raises:
        OSError: The system refused.
    """

    def __init__(self, readers: Path) -> None:
        readers.mkdir(mode=0o700, exist_ok=True)
        _sweep(readers)
        making = readers / f".{secrets.token_hex(8)}"
        making.mkdir(mode=0o700)
        self._lock = os.open(making / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.directory = readers / making.name[1:]
        making.rename(self.directory)

    def close(self) -> None:
        """End it, for all its processes."""
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._lock)


class ReaderCounts:
    """The counts of one process.

    Args:
        directory: Of its reader.

    Raises:
        OSError: The system refused.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / secrets.token_hex(8)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, _STEP)
        self._memory = mmap.mmap(self._fd, _STEP)
        self._rows: dict[int, int] = {}

    def opened(self, serial: int) -> None:
        """Count that a version was opened."""
        self._count(serial, 8)

    def closed(self, serial: int) -> None:
        """Count that a version was closed, here or elsewhere opened."""
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
        """End it in this process; the counts stay."""
        self._memory.close()
        os.close(self._fd)


def read_serials(readers: Path) -> set[int]:
    """The serials of all versions that somebody reads."""
    found: set[int] = set()
    for directory in _directories(readers):
        if _is_alive(directory):
            # First: what is closed after this was opened before the next look, and counts.
            closed = _sum(_files(directory), 2)
            opened = _sum(_files(directory), 1)
            found.update(serial for serial, count in opened.items() if count > closed[serial])
    return found


def _files(directory: Path) -> list[Path]:
    """Those with the counts of a reader; none of one that has ended meanwhile, and so holds nothing."""
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
        descriptor = os.open(directory / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _sweep(readers: Path) -> None:
    """Remove what dead readers left."""
    for directory in _directories(readers):
        if not _is_alive(directory):
            shutil.rmtree(directory, ignore_errors=True)
