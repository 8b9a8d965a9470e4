"""What is held: the nodes and chunks below some roots, each node visited once however many trees share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from artfs.catalog import Version
from artfs.format.chunklist import decode_chunk_page
from artfs.format.node import Entry, Kind, Page
from artfs.format.pack import RecordKind
from artfs.store.gc.digests import EXACT, SHORT, DigestSet
from artfs.store.readers import read_serials
from artfs.store.store import Store

__all__ = ["Marks", "Root", "root_of_file", "roots_of_store"]

_LIST_MAGIC = b"ATC1"


class Root(NamedTuple):
    """Where something holds on to contents: a node with all that is below it, or a chunk."""

    kind: RecordKind
    digest: bytes


class Marks:
    """What was found to be held so far. It only grows: what was held at any moment of a gc is kept by it.

    Args:
        load: Gives a node's bytes, checked against its digest.
    """

    def __init__(self, load: Callable[[bytes], bytes]) -> None:
        self._load = load
        self._nodes = DigestSet(EXACT)
        self._chunks = DigestSet(SHORT)

    def holds(self, kind: RecordKind, digest: bytes) -> bool:
        """Whether a chunk or node was found."""
        return digest in (self._nodes if kind == RecordKind.NODE else self._chunks)

    def mark(self, roots: Iterable[Root]) -> None:
        """Find all that is below roots.

        Raises:
            IntegrityError: A node is missing or damaged: what it holds cannot be known.
        """
        for root in roots:
            if root.kind == RecordKind.CHUNK:
                self._chunks.add(root.digest)
            elif self._nodes.add(root.digest):
                self._walk(root.digest)

    def _walk(self, node: bytes) -> None:
        waiting = [node]
        while waiting:
            for kind, digest in _below(self._load(waiting.pop())):
                if kind == RecordKind.CHUNK:
                    self._chunks.add(digest)
                elif self._nodes.add(digest):
                    waiting.append(digest)


def _below(data: bytes) -> Iterator[Root]:
    """What a node points to."""
    if data[:4] == _LIST_MAGIC:
        page = decode_chunk_page(data)
        kind = RecordKind.CHUNK if page.height == 1 else RecordKind.NODE
        yield from (Root(kind, digest) for digest in page.digests)
        return
    for entry in Page(data).entries():
        if entry.kind in {Kind.PAGE, Kind.DIRECTORY}:
            yield Root(RecordKind.NODE, entry.node)
        elif entry.kind == Kind.FILE and entry.size:
            yield root_of_file(entry)


def root_of_file(entry: Entry) -> Root:
    """What holds the contents of a file that is not empty."""
    return Root(RecordKind.NODE if entry.extra else RecordKind.CHUNK, entry.digest)


def roots_of_store(store: Store, without: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Root]:
    """What versions, parts of versions and running readers hold.

    Args:
        store: The store.
        without: Versions to leave out, by artifact and index.
    """
    read = read_serials(store.layout.readers)  # after the versions were removed for good, else one may begin unseen
    with store.catalog.view() as view:
        trees = [v.tree.root for v in view.all_versions() if _is_held(v, without) or v.serial in read]
        trees += [part.tree.root for part in view.all_parts()]
    return (Root(RecordKind.NODE, root) for root in trees)


def _is_held(version: Version, without: frozenset[tuple[int, int]]) -> bool:
    return not version.removed and (version.artifact, version.index) not in without
