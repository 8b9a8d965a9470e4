"""Links of a node: the nodes and chunks that it points to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from artfs.format.chunklist import decode_chunk_page
from artfs.format.node import Entry, Page
from artfs.format.pack import RecordKind
from artfs.format.reference import stored_file

__all__ = ["Root", "links", "root_of_file"]

_LIST_MAGIC: Final = b"ATC1"


class Root(NamedTuple):
    """A node with all that is below it, or a chunk."""

    kind: RecordKind
    digest: bytes


def links(data: bytes) -> Iterator[Root]:
    """Yield the nodes and chunks that a node points to, those of its own files first, as a walk stores them.

    The chunks that a reference's chunk list names are none of them: the store need not have them.

    Raises:
        IntegrityError: The node, or a reference in it, is malformed.
    """
    if data[:4] == _LIST_MAGIC:
        listed = decode_chunk_page(data)
        kind = RecordKind.CHUNK if listed.height == 1 else RecordKind.NODE
        yield from (Root(kind, digest) for digest in listed.digests)
        return
    page = Page(data)
    files, nodes = page.links()
    yield from (Root(RecordKind.NODE if is_list else RecordKind.CHUNK, digest) for digest, is_list in files)
    lists = (stored_file(reference) for reference in page.references())
    yield from (root_of_file(file) for file in lists if file is not None)
    yield from (Root(RecordKind.NODE, node) for node in nodes)


def root_of_file(entry: Entry) -> Root:
    """Return the root of the contents of a file that is not empty."""
    return Root(RecordKind.NODE if entry.extra else RecordKind.CHUNK, entry.digest)
