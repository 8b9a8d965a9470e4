"""What is in the files of a version, all of them read through the store."""

from __future__ import annotations

import hashlib

from artfs.catalog import Version
from artfs.format.node import Kind
from artfs.store import Store, root_entry

__all__ = ["file_sums"]


def file_sums(store: Store, version: Version) -> dict[str, str]:
    """The SHA-256 of each file, by path."""
    found = {}
    for path, entry in store.walk(root_entry(version)):
        if entry.kind == Kind.FILE:
            read = hashlib.sha256()
            for piece in store.content.stream(entry):
                read.update(piece)
            found[path.decode()] = read.hexdigest()
    return found
