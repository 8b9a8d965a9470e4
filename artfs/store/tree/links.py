"""Links of a node: the nodes and chunks that it points to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from artfs.format.chunklist import decode_chunk_page
from artfs.format.node import Entry, Page
from artfs.format.pack import RecordKind

__all__ = ["Root", "links", "root_of_file"]

_LIST_MAGIC: Final = b"ATC1"


class Root(NamedTuple):
    """A node with all that is below it, or a chunk."""

    kind: RecordKind
    digest: bytes


def links(data: bytes) -> Iterator[Root]:
    """Yield the nodes and chunks that a node points to, those of its own files first, as a walk stores them."""
    if data[:4] == _LIST_MAGIC:
        page = decode_chunk_page(data)
        kind = RecordKind.CHUNK if page.height == 1 else RecordKind.NODE
        yield from (Root(kind, digest) for digest in page.digests)
        return
    files, nodes = Page(data).links()
    yield from (Root(RecordKind.NODE if is_list else RecordKind.CHUNK, digest) for digest, is_list in files)
    yield from (Root(RecordKind.NODE, node) for node in nodes)


def root_of_file(entry: Entry) -> Root:
    """Return the root of the contents of a file that is not empty."""
    return Root(RecordKind.NODE if entry.extra else RecordKind.CHUNK, entry.digest)
