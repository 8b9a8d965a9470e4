"""Walk through a local directory and a directory of a version side by side.

What `.artfsignore` names, of the directory or of the version, and the version does not have, is left alone as git does
it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from artfs.errors import ArtfsError, StorageError, UnsafeTargetError
from artfs.files.directory_stack import DirectoryStack
from artfs.format.node import Entry, Kind
from artfs.ignore_rules import IGNORE_FILE, MAX_IGNORE_BYTES, IgnoreRules, read_ignore_file
from artfs.names import quoted
from artfs.store.store import Store

__all__ = ["LocalWalk", "same_kind"]

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalWalk:
    """Walk through a local directory and an entry side by side, by descriptors: no path is too long or too deep.

    Args:
        store: Has the entry.
        top: The local directory.

    Attributes:
        here: Descriptor of the directory that the last path is in.
    """

    def __init__(self, store: Store, top: bytes) -> None:
        self._store = store
        self._top = top
        self._at = b""
        self._rules: Sequence[IgnoreRules] = ()
        self.here = -1

    @contextmanager
    def errors_named(self, doing: str) -> Iterator[None]:
        """Raise StorageError in place of OSError, with the path at which the walk is."""
        try:
            yield
        except ArtfsError:
            raise
        except OSError as error:
            raise StorageError.of(error, f"{doing} {quoted(os.path.join(self._top, self._at))}") from error

    def pairs(self, entry: Entry) -> Iterator[tuple[bytes, Entry | None, os.stat_result | None]]:
        """Yield each path that the entry or the directory has; nothing below a path that only one of them has."""
        top = os.open(self._top, _DIRECTORY & ~os.O_NOFOLLOW)
        try:
            self._rules = _ignore_rules(self._store, entry, self._top)
            with DirectoryStack(top) as directories:
                stack = [(b"", self._merged(entry, top))]
                while stack:
                    prefix, children = stack[-1]
                    self.here, self._at = directories.here, prefix
                    child = next(children, None)
                    if child is None:
                        stack.pop()
                        if stack and not directories.leave():
                            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
                        continue
                    name, expected, found = child
                    self._at = prefix + name
                    yield self._at, expected, found
                    if expected and expected.kind == Kind.DIRECTORY and found and stat.S_ISDIR(found.st_mode):
                        directories.enter(os.open(name, _DIRECTORY, dir_fd=self.here))
                        stack.append((prefix + name + b"/", self._merged(expected, directories.here)))
        finally:
            os.close(top)

    def _merged(self, entry: Entry, here: int) -> Iterator[tuple[bytes, Entry | None, os.stat_result | None]]:
        """Yield the names of one directory, with the row that the version has and the state of what is there."""
        with os.scandir(here) as scanned:
            found = {os.fsencode(child.name): child.stat(follow_symlinks=False) for child in scanned}
        for expected in self._store.children(entry):
            yield expected.name, expected, found.pop(expected.name, None)
        for name, status in found.items():
            yield name, None, status

    def surplus(
        self,
        path: bytes,
        status: os.stat_result,
        *,
        visit: Callable[[bytes, bytes, int], None] | None = None,
        remove: bool = False,
        even_ignored: bool = False,
    ) -> list[bytes]:
        """List what is too much where the walk is: the path itself, or what is beside ignored files in it.

        Args:
            path: The path.
            status: Of what is there.
            visit: Called for each file in it that is to be removed, with path, name and the open directory it is in.
            remove: Remove it too.
            even_ignored: Also what the rules ignore.

        Raises:
            UnsafeTargetError: Another file system is mounted in what is removed, or visited for that.
        """
        rules = () if even_ignored else self._rules
        top = _ExtraDirectory(os.path.dirname(path), iter([(os.path.basename(path), stat.S_ISDIR(status.st_mode))]))
        stack = [top]
        device = os.fstat(self.here).st_dev
        with DirectoryStack(self.here) as directories:
            while True:
                directory = stack[-1]
                name, is_directory = next(directory.children, (b"", False))
                self._at = os.path.join(directory.path, name) if name else directory.path
                if not name:
                    if directory is top:
                        return top.found
                    stack.pop()
                    if not directories.leave():
                        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
                    if remove and not directory.stays:
                        os.rmdir(os.path.basename(directory.path), dir_fd=directories.here)
                    stack[-1].stays |= directory.stays
                    stack[-1].found += directory.found if directory.stays else [directory.path]
                elif any(each.ignores(self._at, is_directory=is_directory) for each in rules):
                    directory.stays = True
                elif is_directory:
                    directories.enter(os.open(name, _DIRECTORY, dir_fd=directories.here))
                    if (remove or visit) and os.fstat(directories.here).st_dev != device:
                        raise UnsafeTargetError(
                            f"another file system is mounted at {quoted(os.path.join(self._top, self._at))}: unmount it"
                        )
                    stack.append(_ExtraDirectory(self._at, _listed(directories.here)))
                else:
                    directory.found.append(self._at)
                    if visit is not None:
                        visit(self._at, name, directories.here)
                    if remove:
                        os.unlink(name, dir_fd=directories.here)


@dataclass(slots=True)
class _ExtraDirectory:
    """A directory that a version does not have.

    Attributes:
        path: Its path.
        children: Names in it that are still to be looked at, and which of them are directories.
        stays: Something in it is ignored.
        found: What is not ignored.
    """

    path: bytes
    children: Iterator[tuple[bytes, bool]]
    stays: bool = False
    found: list[bytes] = field(default_factory=list)


def _ignore_rules(store: Store, entry: Entry, top: bytes) -> list[IgnoreRules]:
    """Return the ignore rules of a local directory and of the version that it is compared with."""
    local = read_ignore_file(top)
    found = store.pages.find(entry.node, IGNORE_FILE)
    stored = None
    if found is not None and found[0].kind == Kind.FILE and found[0].size <= MAX_IGNORE_BYTES:
        stored = IgnoreRules(bytes(store.content.read(found[0], 0, found[0].size)))
    return [rules for rules in (local, stored) if rules]


def _listed(here: int) -> Iterator[tuple[bytes, bool]]:
    """Return the names in a directory, and which are directories."""
    with os.scandir(here) as scanned:
        return iter([(os.fsencode(child.name), child.is_dir(follow_symlinks=False)) for child in scanned])


def same_kind(expected: Entry, found: os.stat_result) -> bool:
    """Tell if a local path is of an entry's kind; of a reference a file is."""
    if expected.kind == Kind.DIRECTORY:
        return stat.S_ISDIR(found.st_mode)
    if expected.kind == Kind.SYMLINK:
        return stat.S_ISLNK(found.st_mode)
    return stat.S_ISREG(found.st_mode)
