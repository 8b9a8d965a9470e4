"""Compare local files with a version, and remove from a directory what the version does not have.

What `.artfsignore` names, of the directory or of the version, and the version does not have, is left alone as git does
it: it is no difference and is not removed.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

from blake3 import blake3

from artfs.errors import UnsafeTargetError
from artfs.format.chunklist import Piece
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.names import quoted
from artfs.store.read.local_walk import LocalWalk, same_kind
from artfs.store.store import Store
from artfs.store.tree.holes import zeros_digest

__all__ = ["differences", "prune", "refuse_store_below", "same_contents", "same_entry"]

_READ_BYTES: Final = 8 << 20
_OPEN_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def differences(store: Store, entry: Entry, root: Path) -> Iterator[tuple[bytes, str]]:
    """Yield each path at which a local directory differs from an entry, and the difference.

    Ignored files are none.

    Args:
        store: Has the entry.
        entry: A directory. Of a reference without a checksum, only the size is compared.
        root: The local directory. No symlink in it is followed.

    Raises:
        StorageError: The file system refused.
    """
    walk = LocalWalk(store, os.fsencode(root))
    with walk.errors_named("reading"):
        for path, expected, found in walk.pairs(entry):
            if found is None:
                yield path, "is missing"
            elif expected is None:
                yield from ((row, "is not in the version") for row in walk.surplus(path, found))
            elif not same_kind(expected, found):
                yield path, "is of another kind"
            elif expected.kind != Kind.DIRECTORY and not same_entry(store, expected, expected.name, walk.here):
                yield path, "has other contents"


def prune(store: Store, entry: Entry, root: Path) -> list[bytes]:
    """Remove from a local directory what an entry does not have; symlinks are removed, never followed.

    Ignored files stay, unless they are in the way of an entry.

    Returns:
        What was removed, sorted by path below the directory; a directory stands for all that was in it.

    Raises:
        UnsafeTargetError: The store is in the directory, or another file system is mounted in what is to be removed.
        StorageError: The file system refused.
    """
    refuse_store_below(store, root)
    top = os.path.realpath(os.fsencode(root))
    if not os.path.isdir(top):
        return []
    removed: list[bytes] = []
    walk = LocalWalk(store, top)
    with walk.errors_named("removing"):
        for path, expected, found in walk.pairs(entry):
            if found is None:
                continue
            if expected is None:
                removed += walk.surplus(path, found, remove=True)
            elif not same_kind(expected, found):
                removed += walk.surplus(path, found, remove=True, even_ignored=True)
    return sorted(removed)


def refuse_store_below(store: Store, root: Path) -> None:
    """Refuse to remove anything from a directory that has the store in it.

    Raises:
        UnsafeTargetError: It has.
    """
    top = os.path.realpath(os.fsencode(root))
    if os.path.commonpath((top, os.path.realpath(os.fsencode(store.path)))) == top:
        raise UnsafeTargetError(f"{quoted(top)} holds the store itself: check out to another directory")


def same_entry(store: Store, entry: Entry, name: bytes, here: int) -> bool:
    """Compare what has a name in an open directory with a file, symlink or reference of its kind.

    Args:
        store: Has the entry.
        entry: What it is compared with. Of a reference without a checksum, only the size is compared.
        name: The name.
        here: The directory.

    Raises:
        OSError: It cannot be read.
    """
    if entry.kind == Kind.SYMLINK:
        return os.readlink(name, dir_fd=here) == entry.extra
    with open(os.open(name, _OPEN_FLAGS, dir_fd=here), "rb", buffering=0) as file:
        if entry.kind == Kind.REFERENCE and not decode_reference(entry).identifies_bytes:
            return os.fstat(file.fileno()).st_size == entry.size
        return same_contents(store, entry, file)


class _Readable(Protocol):
    def fileno(self) -> int: ...
    def read(self, size: int, /) -> bytes | None: ...


def same_contents(store: Store, entry: Entry, file: _Readable) -> bool:
    """Compare an open file, read from its beginning, with an entry; the source of a reference is not read.

    Args:
        store: Has the entry.
        entry: A file, or a reference; one without a checksum is never the same.
        file: The file.
    """
    if os.fstat(file.fileno()).st_size != entry.size:
        return False
    reference = decode_reference(entry) if entry.kind == Kind.REFERENCE else None
    if reference is None or reference.chunks is not None:
        return _same_pieces(file.fileno(), store.content.pieces(entry))
    checksum = reference.digest
    if checksum is None:
        return False
    hasher = blake3()
    while data := file.read(_READ_BYTES):
        hasher.update(data)
    return hasher.digest() == checksum


def _same_pieces(descriptor: int, expected: Iterable[Piece]) -> bool:
    """Compare a file with its chunks; what is in a hole is not read."""
    offset = data = 0
    for piece in expected:
        end = offset + piece.length
        if data < end:
            data = _next_data(descriptor, offset)
        found = zeros_digest(piece.length) if data >= end else digest(os.pread(descriptor, piece.length, offset))
        if found != piece.digest:
            return False
        offset = end
    return True


def _next_data(descriptor: int, offset: int) -> int:
    """Return where the next byte is that is in no hole; the offset itself where the system does not know."""
    try:
        return os.lseek(descriptor, offset, os.SEEK_DATA)
    except OSError as error:
        return sys.maxsize if error.errno == errno.ENXIO else offset
