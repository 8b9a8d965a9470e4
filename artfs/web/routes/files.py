"""The entries of a directory of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.documents.artifacts import entry_document
from artfs.documents.document import Document
from artfs.errors import InvalidInputError
from artfs.format.node import Kind
from artfs.web.current_store import kept
from artfs.web.cursors import page_of

if TYPE_CHECKING:
    from artfs.store.store import Store
    from artfs.web.query import Query

__all__ = ["files"]


def files(store: Store, query: Query) -> Document:
    """`api/files/REF?path=&after=`: by name. The cursor is a place in the tree, found by descending its pages."""
    path = query.path()
    with store.catalog.view() as view:
        version = view.resolve(query.ref())
    with kept(store, version):
        directory = store.entry(version, path)
        if directory.kind != Kind.DIRECTORY:
            raise InvalidInputError("this is no directory: `artfs cat` prints a file")
        rows = store.pages.iterate(directory.node, query.number("after"))
        page, following = page_of(rows, query.limit())
    above = b"".join(name + b"/" for name in path)
    return {
        "entries": [entry_document(above + entry.name, entry) for _position, entry in page],
        "below": directory.below,
        "next": None if following is None else str(following[0]),
    }
