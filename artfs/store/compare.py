"""Whether an ordinary file has the contents of an entry."""

from __future__ import annotations

import os
from typing import Protocol

from blake3 import blake3

from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.store.store import Store

__all__ = ["same_contents"]

_PORTION = 8 << 20


class _Readable(Protocol):
    def fileno(self) -> int: ...
    def read(self, size: int, /) -> bytes | None: ...


def same_contents(store: Store, entry: Entry, file: _Readable) -> bool:
    """Compare an open file, read from its beginning, with an entry; the source of a reference is not asked.

    Args:
        store: Where the entry is.
        entry: A file, or a reference; of one that was never checked nothing is known but its size.
        file: The file.
    """
    if os.fstat(file.fileno()).st_size != entry.size:
        return False
    if entry.kind != Kind.REFERENCE:
        return all(digest(file.read(piece.length) or b"") == piece.digest for piece in store.pages.pieces(entry))
    expected = decode_reference(entry).digest
    if expected is None:
        return False
    hasher = blake3()
    while data := file.read(_PORTION):
        hasher.update(data)
    return hasher.digest() == expected
