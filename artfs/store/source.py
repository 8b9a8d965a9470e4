"""What is to be stored: a walk over directories of the local file system.

The walk only looks (names and stat); contents are read later, by `artfs.store.ingest`. The order is that of the
pack: by name as bytes, a directory's files before its subdirectories.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from artfs.errors import InvalidInputError, SourceError, UnsupportedFileError
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.names import MAX_PATH_BYTES, quoted, validate_entry_name

__all__ = ["Source", "SourceDirectory", "SourceFile", "refuse_store", "scan", "source_error"]

Source = Path | bytes
"""What to put at a path of a version: a local file or directory, or the bytes of a file."""

_UNSUPPORTED = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
_MODE_MASK = 0o1777


class SourceFile:
    """A regular file to be stored, and where its content is once it was.

    Attributes:
        name: Its name.
        path: Where it is read.
        mode: Permission bits.
        size: Bytes, as last looked at.
        mtime_ns: Modification time.
        identity: What changes when the file does: device, inode, size, mtime, ctime.
        digest: Content digest, empty until known.
        extra: As `Entry.extra`, once known.
    """

    __slots__ = ("digest", "extra", "identity", "mode", "mtime_ns", "name", "path", "size")

    def __init__(self, name: bytes, path: bytes, status: os.stat_result) -> None:
        self.name = name
        self.path = path
        self.digest = b""
        self.extra = b""
        self.look(status)

    def look(self, status: os.stat_result) -> None:
        """Take over what a stat says."""
        self.mode = status.st_mode & _MODE_MASK
        self.size = status.st_size
        self.mtime_ns = status.st_mtime_ns
        self.identity = identity(status)

    def entry(self) -> Entry:
        """The entry that the stored file becomes."""
        return Entry(self.name, Kind.FILE, self.mode, self.mtime_ns, self.size, self.digest, extra=self.extra)


def identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """What must be equal for a file to count as unchanged."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class SourceDirectory:
    """A directory to be stored.

    Attributes:
        name: Its name.
        path: Where it is.
        mode: Permission bits.
        mtime_ns: Modification time.
        files: Its files, by name.
        links: Its symlinks, as entries already.
        directories: Its subdirectories, by name.
    """

    __slots__ = ("directories", "files", "links", "mode", "mtime_ns", "name", "path")

    def __init__(self, name: bytes, path: bytes, mode: int, mtime_ns: int) -> None:
        self.name = name
        self.path = path
        self.mode = mode & _MODE_MASK
        self.mtime_ns = mtime_ns
        self.files: list[SourceFile] = []
        self.links: list[Entry] = []
        self.directories: list[SourceDirectory] = []

    def walk(self) -> Iterator[SourceDirectory]:
        """This directory and all below it, parents first."""
        stack = [self]
        while stack:
            directory = stack.pop()
            yield directory
            stack.extend(reversed(directory.directories))


def source_error(error: OSError, path: bytes) -> SourceError:
    """Say which source could not be read, and why."""
    return SourceError(f"cannot read {quoted(path)}: {error.strerror or error}; nothing was stored")


def refuse_store(path: bytes, store: bytes) -> None:
    """Refuse a source that holds the store that it is to go into.

    Raises:
        SourceError: It does.
    """
    source = os.path.realpath(path)
    if os.path.commonpath((source, os.path.realpath(store))) == source:
        raise SourceError(f"{quoted(path)} holds the store itself: store what is beside it, or move the store")


def scan(path: bytes, name: bytes = b"", prefix: int = 0) -> SourceDirectory:
    """Look at a directory and all that is below it.

    Args:
        path: The directory; itself it may be reached through a symlink, below it none is followed.
        name: What it is called in the artifact.
        prefix: Length of the path in the artifact that leads to it.

    Raises:
        SourceError: Something cannot be read.
        UnsupportedFileError: A socket, FIFO or device is in it.
        InvalidInputError: A path is too long for an artifact.
    """
    try:
        status = os.stat(path)
        top = SourceDirectory(name, path, status.st_mode, status.st_mtime_ns)
    except OSError as error:
        raise source_error(error, path) from error
    stack = [(top, prefix)]
    while stack:
        directory, depth = stack.pop()
        _scan_one(directory, depth)
        stack.extend((child, depth + len(child.name) + 1) for child in directory.directories)
    return top


def _scan_one(directory: SourceDirectory, depth: int) -> None:
    path = directory.path
    try:
        with os.scandir(path) as found:
            children = sorted((child.name, child) for child in found)
        for name, child in children:
            if depth + len(name) > MAX_PATH_BYTES:
                raise InvalidInputError(f"{quoted(child.path)} is too deep: paths have at most {MAX_PATH_BYTES} bytes")
            status = child.stat(follow_symlinks=False)
            add(directory, name, child.path, status)
    except OSError as error:
        raise source_error(error, error.filename if isinstance(error.filename, bytes) else path) from error


def add(directory: SourceDirectory, name: bytes, path: bytes, status: os.stat_result) -> None:
    """Put what `status` describes into `directory` under `name` (a directory without its contents).

    Raises:
        UnsupportedFileError: A socket, FIFO or device.
        InvalidInputError: The name is not one that an artifact can hold.
        OSError: A symlink cannot be read.
    """
    if len(name) > 255:
        validate_entry_name(name)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        directory.files.append(SourceFile(name, path, status))
    elif kind == stat.S_IFDIR:
        directory.directories.append(SourceDirectory(name, path, status.st_mode, status.st_mtime_ns))
    elif kind == stat.S_IFLNK:
        target = os.readlink(path)
        directory.links.append(
            Entry(name, Kind.SYMLINK, 0o777, status.st_mtime_ns, len(target), digest(target), extra=target)
        )
    else:
        raise UnsupportedFileError(
            f"{quoted(path)} is {_UNSUPPORTED.get(kind, 'of an unknown kind')}, which an artifact cannot hold: "
            "remove it or store another directory; nothing was stored"
        )
