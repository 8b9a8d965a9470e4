"""What writing a version out would do to a local directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from artfs.format.node import Entry, Kind
from artfs.store.read.local_copy import refuse_store_below, same_entry
from artfs.store.read.local_walk import LocalWalk, same_kind
from artfs.store.read.unsaved import directory_of
from artfs.store.store import Store
from artfs.store.tree.diff import Difference

__all__ = ["changes_by_writing"]


def changes_by_writing(store: Store, entry: Entry, target: Path, *, delete: bool) -> Iterator[Difference]:
    """Yield each path that writing an entry out would make, overwrite or remove.

    Args:
        store: Has the entry.
        entry: What is to be written.
        target: Where.
        delete: What the entry does not have is removed from the directory.

    Raises:
        UnsafeTargetError: The store is in the directory that things are to be removed from.
        StorageError: The file system refused.
    """
    if delete:
        refuse_store_below(store, target)
    top = os.fsencode(target)
    if entry.kind != Kind.DIRECTORY:
        yield from _changes_of_file(store, entry, target)
        return
    if not os.path.isdir(top):
        yield from (Difference(path, None, below) for path, below in store.walk(entry))
        return
    walk = LocalWalk(store, top)
    with walk.errors_named("reading"):
        for path, expected, found in walk.pairs(entry):
            old = None if found is None else _local_entry(os.path.join(top, path))
            if expected is None:
                for surplus in sorted(walk.surplus(path, found)) if found is not None and delete else ():
                    yield Difference(surplus, _local_entry(os.path.join(top, surplus)), None)
            elif found is None or not same_kind(expected, found):
                yield Difference(path, old, expected)
                if expected.kind == Kind.DIRECTORY:
                    below = store.walk(expected, path + b"/")
                    yield from (Difference(child_path, None, child) for child_path, child in below)
            elif expected.kind != Kind.DIRECTORY and not _is_same(store, expected, expected.name, walk.here):
                yield Difference(path, old, expected)


def _changes_of_file(store: Store, entry: Entry, target: Path) -> Iterator[Difference]:
    name = os.fsencode(target.name)
    with directory_of(target) as here:
        if here is None or not os.path.lexists(target):
            yield Difference(name, None, entry)
        elif not _is_same(store, entry, name, here):
            yield Difference(name, _local_entry(os.fsencode(target)), entry)


def _is_same(store: Store, entry: Entry, name: bytes, here: int) -> bool:
    try:
        return same_entry(store, entry, name, here)
    except OSError:  # of another kind, or not to be read: it would be replaced
        return False


def _local_entry(path: bytes) -> Entry:
    """Return an entry for a local path, without a digest."""
    status = os.lstat(path)
    kind = Kind.DIRECTORY if stat.S_ISDIR(status.st_mode) else Kind.FILE
    if stat.S_ISLNK(status.st_mode):
        kind = Kind.SYMLINK
    target = os.readlink(path) if kind == Kind.SYMLINK else b""
    size = 0 if kind == Kind.DIRECTORY else status.st_size
    return Entry(
        os.path.basename(path), kind, stat.S_IMODE(status.st_mode), status.st_mtime_ns, size, b"", extra=target
    )
