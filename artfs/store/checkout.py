"""Compare a directory with a version, and remove from it what the version has not."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from artfs.errors import StorageError, UnsafeTargetError
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.names import quoted
from artfs.store.compare import same_contents
from artfs.store.store import Store

__all__ = ["differences", "prune"]

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def differences(store: Store, entry: Entry, root: Path) -> Iterator[tuple[bytes, str]]:
    """Yield the paths at which a directory differs from an entry that is a directory, and how.

    Args:
        store: Where the entry is.
        entry: What should be there. Of a reference that was never checked the size is compared.
        root: The directory. No symlink in it is followed.

    Raises:
        StorageError: The file system refused.
    """
    top = os.fsencode(root)
    try:
        for path, wanted, found in _pairs(store, entry, top):
            if wanted is None:
                yield path, "is not in the version"
            elif found is None:
                yield path, "is missing"
            elif not _same_kind(wanted, found):
                yield path, "is of another kind"
            elif wanted.kind != Kind.DIRECTORY and not _same(store, wanted, os.path.join(top, path)):
                yield path, "has other contents"
    except OSError as error:
        raise StorageError.of(error, f"reading {quoted(error.filename or top)}") from error


def prune(store: Store, entry: Entry, root: Path) -> None:
    """Remove from a directory what an entry has not; symlinks are removed, never followed.

    Raises:
        UnsafeTargetError: The store is in the directory.
        StorageError: The file system refused.
    """
    top = os.path.realpath(os.fsencode(root))
    if os.path.commonpath((top, os.path.realpath(os.fsencode(store.path)))) == top:
        raise UnsafeTargetError(f"{quoted(top)} holds the store itself: check out to another directory")
    if not os.path.isdir(top):
        return
    try:
        doomed = [
            os.path.join(top, path)
            for path, wanted, found in _pairs(store, entry, top)
            if found is not None and (wanted is None or not _same_kind(wanted, found))
        ]
        for path in doomed:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
    except OSError as error:
        raise StorageError.of(error, f"removing {quoted(error.filename or top)}") from error


def _pairs(store: Store, entry: Entry, top: bytes) -> Iterator[tuple[bytes, Entry | None, os.stat_result | None]]:
    """Each path that is in the entry, in the directory or in both; nothing below one that is not in both."""
    stack = [(b"", entry)]
    while stack:
        prefix, directory = stack.pop()
        with os.scandir(os.path.join(top, prefix)) as scanned:
            found = {child.name: child.stat(follow_symlinks=False) for child in scanned}
        for wanted in store.children(directory):
            path = prefix + wanted.name
            status = found.pop(wanted.name, None)
            yield path, wanted, status
            if wanted.kind == Kind.DIRECTORY and status is not None and stat.S_ISDIR(status.st_mode):
                stack.append((path + b"/", wanted))
        for name, status in found.items():
            yield prefix + name, None, status


def _same_kind(wanted: Entry, found: os.stat_result) -> bool:
    if wanted.kind == Kind.DIRECTORY:
        return stat.S_ISDIR(found.st_mode)
    if wanted.kind == Kind.SYMLINK:
        return stat.S_ISLNK(found.st_mode)
    return stat.S_ISREG(found.st_mode)


def _same(store: Store, wanted: Entry, path: bytes) -> bool:
    if wanted.kind == Kind.SYMLINK:
        return os.readlink(path) == wanted.extra
    with open(os.open(path, _READ), "rb", buffering=0) as file:
        if wanted.kind == Kind.REFERENCE and decode_reference(wanted).digest is None:
            return os.fstat(file.fileno()).st_size == wanted.size
        return same_contents(store, wanted, file)
