"""Mark phase of gc: finds all nodes and chunks below roots, and visits each node once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from artfs.catalog import Version
from artfs.format.pack import RecordKind
from artfs.store.digest_set import EXACT, SHORT, DigestSet
from artfs.store.reader_leases import are_uncounted, read_serials
from artfs.store.store import Store
from artfs.store.tree.links import Root, links

__all__ = ["Marks", "roots_of_store"]


class Marks:
    """The nodes and chunks marked so far. It only grows: what is marked at any moment of a gc is kept by it.

    Args:
        load: Returns a node's bytes, checked against its digest.
    """

    def __init__(self, load: Callable[[bytes], bytes]) -> None:
        self._load = load
        self._nodes = DigestSet(EXACT)
        self._chunks = DigestSet(SHORT)

    def contains(self, kind: RecordKind, digest: bytes) -> bool:
        """Return whether a chunk or node is marked."""
        return digest in (self._nodes if kind == RecordKind.NODE else self._chunks)

    def mark(self, roots: Iterable[Root]) -> None:
        """Mark roots and all that is below them.

        Raises:
            IntegrityError: A node is missing or damaged: what is below it cannot be known.
        """
        for root in roots:
            if root.kind == RecordKind.CHUNK:
                self._chunks.add(root.digest)
            elif self._nodes.add(root.digest):
                self._walk(root.digest)

    def _walk(self, node: bytes) -> None:
        waiting = [node]
        while waiting:
            for kind, digest in links(self._load(waiting.pop())):
                if kind == RecordKind.CHUNK:
                    self._chunks.add(digest)
                elif self._nodes.add(digest):
                    waiting.append(digest)


def roots_of_store(store: Store, without: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Root]:
    """List the trees of versions, of parts of versions, and of what running readers read.

    Args:
        store: The store.
        without: Versions to leave out, by artifact and index.
    """
    # After the versions were removed for good, else a reader may begin unseen.
    read, all_read = read_serials(store.layout.readers), are_uncounted(store.layout.readers)
    with store.catalog.view() as view:
        trees = [v.tree.root for v in view.all_versions() if _is_kept(v, without) or all_read or v.serial in read]
        trees += [part.tree.root for part in view.all_parts()]
    return (Root(RecordKind.NODE, root) for root in trees)


def _is_kept(version: Version, without: frozenset[tuple[int, int]]) -> bool:
    return not version.removed and (version.artifact, version.index) not in without
