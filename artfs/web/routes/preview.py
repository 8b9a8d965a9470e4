"""The preview of a file of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.documents.document import Document
from artfs.errors import InvalidInputError
from artfs.format.node import Kind
from artfs.format.reference import decode_reference
from artfs.store.read.symlinks import entry_through_links
from artfs.web.current_store import kept
from artfs.web.previews.preview import make_preview
from artfs.web.previews.source import READ_BYTES, Source

if TYPE_CHECKING:
    from artfs.store.store import Store
    from artfs.web.query import Query

__all__ = ["preview"]


def preview(store: Store, query: Query) -> Document:
    """`api/preview/REF?path=`: what a file is, from its first bytes. A symlink leads on inside the version.

    A reference is named and not followed: the server asks nobody for bytes.
    """
    path = query.path()
    with store.catalog.view() as view:
        version = view.resolve(query.ref())
    with kept(store, version):
        _target, entry = entry_through_links(store, version, path)
        if entry.kind == Kind.DIRECTORY:
            raise InvalidInputError("this is a directory: `artfs ls` lists what is in it")
        facts: Document = {"size": entry.size, "digest": entry.digest.hex()}
        if entry.kind == Kind.REFERENCE:
            uri = decode_reference(entry).uri
            return {**facts, "kind": "reference", "note": f"A reference to {uri}: `artfs cat` reads it", "cut": False}

        def read(offset: int, size: int) -> bytes:
            return bytes(store.content.read(entry, offset, size))

        head = read(0, READ_BYTES)
        return {**make_preview(Source(path[-1], entry.size, read, head)), **facts}
