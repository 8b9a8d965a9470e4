"""Scan of local directories that are to be stored.

It takes names and `stat` only; contents are read later, by `artfs.store.write.ingest`. The order is that of the pack:
by name as bytes, a directory's files before its subdirectories. Of what `.artfsignore` at its top names, not even that.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from artfs.access import system_reason
from artfs.errors import InvalidInputError, SourceError, UnsupportedFileError
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind, clamp_time
from artfs.ignore_rules import IgnoreRules, read_ignore_file
from artfs.names import MAX_PATH_BYTES, quoted, validate_entry_name
from artfs.store.write.outside_links import OutsideLinks, Root

__all__ = ["Source", "SourceDirectory", "SourceFile", "refuse_store", "scan", "source_error"]

Source = Path | bytes
"""Source of a path of a version: a local file or directory, or the bytes of a file."""

_UNSUPPORTED = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
_MODE_MASK = 0o1777
_PIPE_MODE = 0o644


class SourceFile:
    """A regular file or a pipe to be stored, and once it is, its content.

    Attributes:
        name: In the artifact.
        path: On the local file system.
        mode: Permission bits.
        size: Bytes at the last `update`.
        mtime_ns: Modification time.
        identity: Changes with the file: device, inode, size, mtime, ctime.
        is_pipe: It is read to its end, which is the only way to know its size.
        shows_changes: Whether every change since the contents were read changes the identity.
        digest: Content digest, empty until known.
        extra: As `Entry.extra`, once known.
    """

    __slots__ = ("digest", "extra", "identity", "is_pipe", "mode", "mtime_ns", "name", "path", "shows_changes", "size")

    def __init__(self, name: bytes, path: bytes, status: os.stat_result) -> None:
        self.name = name
        self.path = path
        self.digest = b""
        self.extra = b""
        self.shows_changes = False
        self.is_pipe = stat.S_ISFIFO(status.st_mode)
        self.update(status)
        if self.is_pipe:
            self.mode, self.mtime_ns = _PIPE_MODE, clamp_time(time.time_ns())

    def update(self, status: os.stat_result) -> None:
        """Set the attributes that a stat gives."""
        self.mode = status.st_mode & _MODE_MASK
        self.size = status.st_size
        self.mtime_ns = clamp_time(status.st_mtime_ns)
        self.identity = identity(status)

    def entry(self) -> Entry:
        """The entry that the stored file becomes."""
        return Entry(self.name, Kind.FILE, self.mode, self.mtime_ns, self.size, self.digest, extra=self.extra)


def identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """The state of a file: while it is equal, the file counts as unchanged."""
    return status.st_dev, status.st_ino, status.st_size, clamp_time(status.st_mtime_ns), status.st_ctime_ns


class SourceDirectory:
    """A directory to be stored.

    Attributes:
        name: In the artifact.
        path: On the local file system.
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
        self.mtime_ns = clamp_time(mtime_ns)
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
    """The error for a source that could not be read."""
    return SourceError(f"cannot read {quoted(path)}: {system_reason(error, path)}; nothing was stored")


def refuse_store(path: bytes, store: bytes) -> None:
    """Refuse a source that contains the store itself.

    Raises:
        SourceError: It does.
    """
    source = os.path.realpath(path)
    if os.path.commonpath((source, os.path.realpath(store))) == source:
        raise SourceError(f"{quoted(path)} holds the store itself: store what is beside it, or move the store")


def scan(
    path: bytes,
    name: bytes = b"",
    prefix: int = 0,
    ignore: bytes = b"",
    links: OutsideLinks | None = None,
    exclude: bytes = b"",
) -> SourceDirectory:
    """Scan a directory and everything below it, but what its `.artfsignore` names.

    Args:
        path: The directory, without symlinks on the way.
        name: In the artifact.
        prefix: Length of the path in the artifact that leads to it.
        ignore: Patterns of gitignore(5), which go before those of its `.artfsignore`.
        links: Follows symlinks that lead outside, or counts them; no others are followed.
        exclude: Patterns that go behind those of its `.artfsignore`.

    Raises:
        SourceError: Something cannot be read.
        UnsupportedFileError: A socket, FIFO or device is in it.
        InvalidInputError: A path is too long for an artifact, or there are too many patterns.
    """
    try:
        status = os.stat(path)
        top = SourceDirectory(name, path, status.st_mode, status.st_mtime_ns)
        rules = read_ignore_file(path, ignore, exclude)
    except OSError as error:
        raise source_error(error, _path_of(error, path)) from error
    scanner = _Scanner(rules, links or OutsideLinks())
    stack = [(top, prefix, rules.top if rules else 0, Root(path))]
    while stack:
        directory, depth, states, root = stack.pop()
        inner, roots = scanner.scan_one(directory, depth, states, root)
        stack.extend(
            (child, depth + len(child.name) + 1, inner.get(child.name, 0), roots.get(child.name, root))
            for child in directory.directories
        )
    return top


class _Scanner:
    """Scans one directory after another.

    Args:
        rules: Of `.artfsignore`.
        links: Follows symlinks that lead outside, or counts them.
    """

    def __init__(self, rules: IgnoreRules | None, links: OutsideLinks) -> None:
        self._rules = rules
        self._links = links

    def scan_one(
        self, directory: SourceDirectory, depth: int, states: int, root: Root
    ) -> tuple[dict[bytes, int], dict[bytes, Root]]:
        """Scan one directory; return the states of the ignore rules for each in it, and roots of followed ones."""
        path, rules = directory.path, self._rules
        inner: dict[bytes, int] = {}
        roots: dict[bytes, Root] = {}
        try:
            with os.scandir(path) as found:
                children = sorted((child.name, child) for child in found)
            for name, child in children:
                if rules is not None:
                    ignored, inner[name] = rules.match(states, name, is_directory=child.is_dir(follow_symlinks=False))
                    if ignored:
                        continue
                if depth + len(name) > MAX_PATH_BYTES:
                    raise InvalidInputError(
                        f"{quoted(child.path)} is too deep: paths have at most {MAX_PATH_BYTES} bytes"
                    )
                followed = self._links.followed(root, path, child.path) if child.is_symlink() else None
                if followed is None:
                    add(directory, name, child.path, child.stat(follow_symlinks=False))
                    continue
                if rules is not None and stat.S_ISDIR(followed[1].st_mode):
                    ignored, inner[name] = rules.match(states, name, is_directory=True)
                    if ignored:
                        continue
                add(directory, name, *followed)
                roots[name] = Root(followed[0], root, path)
        except OSError as error:
            raise source_error(error, _path_of(error, path)) from error
        return inner, roots


def _path_of(error: OSError, otherwise: bytes) -> bytes:
    return error.filename if isinstance(error.filename, bytes) else otherwise


def add(directory: SourceDirectory, name: bytes, path: bytes, status: os.stat_result) -> None:
    """Add a file, symlink or directory (without its contents) to a scanned directory.

    Raises:
        UnsupportedFileError: A socket, FIFO or device.
        InvalidInputError: The name cannot be in an artifact.
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
