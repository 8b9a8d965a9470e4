"""Reclaimable space: the bytes that gc gives back once versions are deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from artfs.catalog import Version
from artfs.format.pack import RecordKind
from artfs.store.digest_set import DigestSet
from artfs.store.gc.mark import Marks
from artfs.store.store import Store
from artfs.store.tree.links import Root, links

__all__ = ["reclaimable_bytes"]

_CHUNKS_AT_ONCE = 10_000


def reclaimable_bytes(store: Store, versions: Sequence[Version], more_roots: Iterable[Root]) -> int:
    """Return the bytes of the chunks that versions have and nothing else that is kept: no other version, part or draft.

    Versions that are deleted already keep nothing. It visits each node of the store once, as gc does.

    Args:
        store: The store.
        versions: To be deleted, or deleted.
        more_roots: What else is kept, as open drafts.

    Raises:
        IntegrityError: A node is missing or damaged: what is below it cannot be known.
    """
    going = {(version.artifact, version.index) for version in versions}
    marks = Marks(store.node)
    marks.mark(_kept_roots(store, going))
    marks.mark(more_roots)
    total, some = 0, list[bytes]()
    for chunk in _unmarked_chunks(store, versions, marks):
        some.append(chunk)
        if len(some) == _CHUNKS_AT_ONCE:
            total += _stored_bytes(store, some)
            some.clear()
    return total + _stored_bytes(store, some)


def _kept_roots(store: Store, without: set[tuple[int, int]]) -> list[Root]:
    with store.catalog.view() as view:
        kept = (one for one in view.all_versions() if not one.deleted and (one.artifact, one.index) not in without)
        trees = [version.tree.root for version in kept]
        trees += [part.tree.root for part in view.all_parts()]
    return [Root(RecordKind.NODE, root) for root in trees]


def _unmarked_chunks(store: Store, versions: Sequence[Version], marks: Marks) -> Iterable[bytes]:
    """Yield each chunk of versions that is not marked once."""
    seen = DigestSet()
    waiting = [version.tree.root for version in versions]
    while waiting:
        node = waiting.pop()
        if marks.contains(RecordKind.NODE, node) or not seen.add(node):
            continue
        for kind, digest in links(store.node(node)):
            if kind == RecordKind.NODE:
                waiting.append(digest)
            elif not marks.contains(kind, digest) and seen.add(digest):
                yield digest


def _stored_bytes(store: Store, chunks: Sequence[bytes]) -> int:
    with store.catalog.view() as view:
        return sum(location.stored_len for location in view.locations(chunks).values())
