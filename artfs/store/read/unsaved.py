"""Local files that would be lost by writing a version out: no version could bring them back."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from artfs.catalog import Version
from artfs.errors import ArtfsError
from artfs.format.node import Entry, Kind
from artfs.names import EntryPath
from artfs.store.read.local_copy import refuse_store_below, same_entry
from artfs.store.read.local_walk import LocalWalk, same_kind
from artfs.store.read.symlinks import entry_to_copy
from artfs.store.store import Store

__all__ = ["KnownContents", "UnsavedFiles", "directory_of", "unsaved_files"]


class KnownContents:
    """Tells of a local file if the artifact has a version with these contents at its path.

    Args:
        store: Has the artifact.
        version: The version that is written out; the artifact's others that are not deleted are known too.
        path: The directory or file of the versions that the local one stands for.
    """

    def __init__(self, store: Store, version: Version, path: EntryPath) -> None:
        self._store = store
        self._path = path
        with store.catalog.view() as view:
            others = view.versions(version.artifact, newest_first=True)
            trees = {one.tree.root: one for one in (version, *others)}
        self._versions = list(trees.values())

    def has(self, path: bytes, name: bytes, here: int) -> bool:
        """Tell if a local file or symlink can go without a loss; an empty file can.

        Args:
            path: Its path below the directory that is written to; empty: it is what is written to.
            name: Its name.
            here: The open directory that it is in.
        """
        try:
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
        except FileNotFoundError:
            return True
        is_link = stat.S_ISLNK(status.st_mode)
        if not is_link and (not stat.S_ISREG(status.st_mode) or not status.st_size):
            return True
        for at, version in enumerate(self._versions):
            if self._is_of(version, path, status, name, here):
                self._versions.insert(0, self._versions.pop(at))  # its neighbours are of the same version, mostly
                return True
        return False

    def _is_of(self, version: Version, path: bytes, status: os.stat_result, name: bytes, here: int) -> bool:
        try:
            entry = entry_to_copy(self._store, version, self._path)
            for part in path.split(b"/") if path else ():
                found = self._store.pages.find(entry.node, part) if entry.kind == Kind.DIRECTORY else None
                if found is None:
                    return False
                entry = found[0]
            return same_kind(entry, status) and same_entry(self._store, entry, name, here)
        except (OSError, ArtfsError):  # it cannot be read here, or that version has no such path or is damaged
            return False


@dataclass(frozen=True, slots=True)
class UnsavedFiles:
    """Local files and symlinks whose contents are not known, and that would be lost by writing something out.

    Attributes:
        overwritten: Those that are overwritten, as sorted paths below the target; empty bytes for the target itself.
        removed: Those that are removed.
    """

    overwritten: list[bytes]
    removed: list[bytes]

    @property
    def paths(self) -> list[bytes]:
        """All of them, sorted."""
        return sorted(self.overwritten + self.removed)


def unsaved_files(store: Store, entry: Entry, target: Path, known: KnownContents, *, delete: bool) -> UnsavedFiles:
    """Find the local files that no version could bring back after writing an entry out.

    A file that has the size and time of the entry's is taken for that, and is not read.

    Args:
        store: Has the entry.
        entry: What is to be written.
        target: Where.
        known: What may be lost.
        delete: What the entry does not have is removed from the directory.

    Raises:
        UnsafeTargetError: The store is in the directory that things are to be removed from, or another file system is
            mounted in what is to be removed.
        StorageError: The file system refused.
    """
    if delete:
        refuse_store_below(store, target)
    lost = UnsavedFiles([], [])
    if entry.kind != Kind.DIRECTORY:
        with directory_of(target) as here:
            if here is not None and not known.has(b"", os.fsencode(target.name), here):
                lost.overwritten.append(b"")
        return lost
    if not os.path.isdir(target):
        return lost

    def note_removal(path: bytes, name: bytes, here: int) -> None:
        if not known.has(path, name, here):
            lost.removed.append(path)

    walk = LocalWalk(store, os.fsencode(target))
    with walk.errors_named("reading"):
        for path, expected, found in walk.pairs(entry):
            if found is None:
                continue
            if expected is None or (expected.kind == Kind.DIRECTORY) != stat.S_ISDIR(found.st_mode):
                if delete:
                    walk.surplus(path, found, visit=note_removal, even_ignored=expected is not None)
            elif (
                expected.kind != Kind.DIRECTORY
                and not _looks_the_same(expected, found)
                and not known.has(path, expected.name, walk.here)
            ):
                lost.overwritten.append(path)
    return UnsavedFiles(sorted(lost.overwritten), sorted(lost.removed))


def _looks_the_same(entry: Entry, found: os.stat_result) -> bool:
    same = stat.S_ISREG(found.st_mode) and entry.kind in (Kind.FILE, Kind.REFERENCE)
    return same and (found.st_size, found.st_mtime_ns) == (entry.size, entry.mtime_ns)


@contextmanager
def directory_of(target: Path) -> Iterator[int | None]:
    """Open the directory that a path is in; None: there is none."""
    try:
        here = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield here
    finally:
        os.close(here)
