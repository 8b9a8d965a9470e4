"""Comparison of a local directory with a version: what a put of the directory would change.

Files that the stat cache knows unchanged are not read; others are read only where size and kind say nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from artfs.errors import SourceChangedError, SourceError
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.names import quoted
from artfs.store.read.local_copy import same_contents
from artfs.store.store import Store
from artfs.store.tree.diff import Difference
from artfs.store.write.scan import SourceDirectory, SourceFile
from artfs.store.write.statcache import StatCache

__all__ = ["compare_with_local", "local_entries"]

_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_Local = SourceFile | SourceDirectory | Entry
"""A file, a directory, or a symlink, which a scan gives as an entry."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two directories at one path; either may be missing."""

    old: Entry | None
    new: SourceDirectory | None
    path: bytes


def compare_with_local(store: Store, old: Entry, new: SourceDirectory) -> Iterator[Difference]:
    """Yield the differences from a directory of a version to a local one, in the order of `Store.diff`.

    Times are no difference, and neither is a reference in whose place a file with its contents is.

    Args:
        store: Has the version.
        old: The directory of the version.
        new: The local directory, scanned. Entries made of it have a digest only if the stat cache knows it.

    Raises:
        SourceError: A local file cannot be read.
    """
    StatCache(store.catalog).fill_unchanged(new)
    return _differences(store, old, new)


def local_entries(top: SourceDirectory) -> Iterator[Difference]:
    """Yield everything in a scanned directory as added."""
    return _differences(None, None, top)


def _differences(store: Store | None, old: Entry | None, new: SourceDirectory) -> Iterator[Difference]:
    stack = [_compare(store, _Pair(old, new, b""))]
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
        elif isinstance(found, _Pair):
            stack.append(_compare(store, found))
        else:
            yield found


def _compare(store: Store | None, here: _Pair) -> Iterator[Difference | _Pair]:
    """Compare one directory's entries; the caller does subdirectories, so that depth costs no recursion."""
    theirs = iter(()) if here.old is None or store is None else store.children(here.old)
    for old, new in _paired(theirs, _children(here.new)):
        entry = None if new is None else _as_entry(store, new, old)
        path = here.path + (old or entry or _NOTHING).name
        if old is None or entry is None or not _is_same(old, entry):
            yield Difference(path, old, entry)
        old_directory = old if old is not None and old.kind == Kind.DIRECTORY else None
        new_directory = new if isinstance(new, SourceDirectory) else None
        if old_directory is not None or new_directory is not None:
            yield _Pair(old_directory, new_directory, path + b"/")


def _children(directory: SourceDirectory | None) -> list[_Local]:
    if directory is None:
        return []
    return sorted((*directory.files, *directory.links, *directory.directories), key=attrgetter("name"))


def _paired(old: Iterator[Entry], new: list[_Local]) -> Iterator[tuple[Entry | None, _Local | None]]:
    """Yield the entries of each name, in order; None where a side has none."""
    ours = iter(new)
    a, b = next(old, None), next(ours, None)
    while a is not None or b is not None:
        only_a = a if a is not None and (b is None or a.name <= b.name) else None
        only_b = b if b is not None and (a is None or b.name <= a.name) else None
        yield only_a, only_b
        if only_a is not None:
            a = next(old, None)
        if only_b is not None:
            b = next(ours, None)


def _as_entry(store: Store | None, local: _Local, old: Entry | None) -> Entry:
    """Return the entry that a put would make, with the digest of `old` if it has those contents."""
    if isinstance(local, SourceDirectory):
        return Entry(local.name, Kind.DIRECTORY, local.mode, local.mtime_ns, 0, b"")
    if isinstance(local, Entry):
        return local
    entry = local.entry()
    if store is not None and old is not None and old.digest != entry.digest and _has_contents(store, old, local):
        return entry._replace(digest=old.digest, extra=old.extra)
    return entry


def _is_same(old: Entry, new: Entry) -> bool:
    """Compare two entries of one name, and of directories nothing below them."""
    if old.kind == Kind.REFERENCE and new.kind == Kind.FILE:
        return old.digest == new.digest
    if old.kind != new.kind or old.mode != new.mode:
        return False
    return old.kind == Kind.DIRECTORY or old.digest == new.digest


def _has_contents(store: Store, old: Entry, new: SourceFile) -> bool:
    """Return whether a local file has the contents of an entry; of a reference without checksum, its size."""
    if old.kind not in (Kind.FILE, Kind.REFERENCE) or old.size != new.size:
        return False
    if old.kind == Kind.REFERENCE and not decode_reference(old).identifies_bytes:
        return True
    try:
        with open(os.open(new.path, _OPEN_FLAGS), "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceChangedError(f"{quoted(new.path)} is no longer a file: repeat when nothing changes it")
            return same_contents(store, old, file)
    except OSError as error:
        raise SourceError(f"cannot read {quoted(new.path)}: {error.strerror or error}") from error


_NOTHING: Final = Entry(b"", Kind.FILE, 0, 0, 0, b"")
