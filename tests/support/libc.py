"""System calls that Python has no name for, or that its own wrappers would not let through as they are.

A path is bytes, relative to the current directory unless it is absolute. Errors are OSError with the kernel's number.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple

__all__ = [
    "AT_SYMLINK_FOLLOW",
    "AT_SYMLINK_NOFOLLOW",
    "RENAME_EXCHANGE",
    "RENAME_NOREPLACE",
    "RENAME_WHITEOUT",
    "DirectoryEntry",
    "SharedMapping",
    "access",
    "creat",
    "fallocate",
    "fchmodat2",
    "file_setattr",
    "getdents",
    "linkat",
    "removexattrat",
    "renameat2",
    "setxattrat",
]

_AT_FDCWD: Final = -100
AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_SYMLINK_FOLLOW: Final = 0x400
RENAME_NOREPLACE: Final = 1
RENAME_EXCHANGE: Final = 2
RENAME_WHITEOUT: Final = 4

# Calls so new that the C library need not know them; they have one number on all architectures.
_FCHMODAT2: Final = 452
_SETXATTRAT: Final = 463
_REMOVEXATTRAT: Final = 466
_FILE_SETATTR: Final = 469

_libc = ctypes.CDLL(None, use_errno=True)
_libc.getdents64.restype = ctypes.c_ssize_t
_libc.syscall.restype = ctypes.c_long
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_PROT_READ_WRITE: Final = mmap.PROT_READ | mmap.PROT_WRITE
_MAP_FAILED: Final = ctypes.c_void_p(-1).value

_DIRENT: Final = struct.Struct("=QqHB")  # inode number, offset of what follows, record length, type; then the name


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _syscall(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> None:
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    _checked(_libc.syscall(ctypes.c_long(number), *wide))


def creat(path: bytes) -> None:
    """Make a file and close it."""
    os.close(_checked(_libc.creat(path, 0o644)))


def renameat2(old: bytes, new: bytes, flags: int) -> None:
    """Rename as the flags say."""
    _checked(_libc.renameat2(_AT_FDCWD, old, _AT_FDCWD, new, flags))


def linkat(old: bytes, new: bytes, flags: int) -> None:
    """Link as the flags say."""
    _checked(_libc.linkat(_AT_FDCWD, old, _AT_FDCWD, new, flags))


def access(path: bytes, mode: int) -> None:
    """Find out whether this process may."""
    _checked(_libc.access(path, mode))


def fallocate(descriptor: int, mode: int, offset: int, length: int) -> None:
    """Reserve or give back space as the mode says."""
    _checked(_libc.fallocate(descriptor, mode, offset, length))


def fchmodat2(path: bytes, mode: int, flags: int) -> None:
    """Change permission bits, even of a symlink itself if the flags say so; since Linux 6.6."""
    _syscall(_FCHMODAT2, _AT_FDCWD, path, mode, flags)


def setxattrat(path: bytes, name: bytes, value: bytes, flags: int) -> None:
    """Set an extended attribute; since Linux 6.13."""
    buffer = ctypes.create_string_buffer(value)
    arguments = ctypes.create_string_buffer(struct.pack("=QII", ctypes.addressof(buffer), len(value), 0), 16)
    _syscall(_SETXATTRAT, _AT_FDCWD, path, flags, name, arguments, 16)


def removexattrat(path: bytes, name: bytes, flags: int) -> None:
    """Remove an extended attribute; since Linux 6.13."""
    _syscall(_REMOVEXATTRAT, _AT_FDCWD, path, flags, name)


def file_setattr(path: bytes, flags: int) -> None:
    """Clear all inode flags; since Linux 6.17."""
    attributes = ctypes.create_string_buffer(bytes(24), 24)
    _syscall(_FILE_SETATTR, _AT_FDCWD, path, attributes, 24, flags)


class DirectoryEntry(NamedTuple):
    """What getdents64(2) tells of one entry; `following` is where lseek(2) goes to for the entries after it."""

    name: bytes
    inode: int
    following: int


def getdents(descriptor: int, size: int) -> Iterator[DirectoryEntry]:
    """The entries that fit into one buffer of `size` bytes, none at the directory's end."""
    buffer = ctypes.create_string_buffer(size)
    filled = _checked(_libc.getdents64(descriptor, buffer, size))
    data = buffer.raw[:filled]
    at = 0
    while at < len(data):
        inode, following, length, _kind = _DIRENT.unpack_from(data, at)
        name = data[at + _DIRENT.size : at + length].partition(b"\0")[0]
        yield DirectoryEntry(name, inode, following)
        at += length


class SharedMapping(AbstractContextManager["SharedMapping"]):
    """The first page of a file, mapped for writing; unlike `mmap.mmap` it keeps no descriptor.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR)
        try:
            self._address = _libc.mmap(None, mmap.PAGESIZE, _PROT_READ_WRITE, mmap.MAP_SHARED, descriptor, 0)
        finally:
            os.close(descriptor)
        if self._address == _MAP_FAILED:
            raise OSError(ctypes.get_errno(), "mmap")

    def store(self, value: int) -> None:
        """Store a byte at the beginning."""
        ctypes.memset(self._address, value, 1)

    def __exit__(self, *_error: object) -> None:
        """Unmap the page."""
        _libc.munmap(self._address, mmap.PAGESIZE)
