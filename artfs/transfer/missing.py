"""What a store lacks of trees, in the order in which it can take it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from artfs.format.pack import RecordKind
from artfs.store.digest_set import DigestSet
from artfs.store.tree.links import Root, links

__all__ = ["Missing", "Seen", "missing_below"]


class Missing(NamedTuple):
    """A chunk or node that a store lacks.

    Attributes:
        kind: A chunk or a node.
        digest: Its digest.
        data: The bytes of a node; nothing of a chunk, which is to be read when its turn comes.
    """

    kind: RecordKind
    digest: bytes
    data: bytes


class Seen:
    """The chunks and nodes that a store has, or was given; about 32 bytes each.

    Args:
        there: Tells if the store has a chunk or node, where it can be asked.
    """

    def __init__(self, there: Callable[[Root], bool] = lambda _one: False) -> None:
        self._nodes = DigestSet()
        self._chunks = DigestSet()
        self._there = there

    def add(self, one: Root) -> bool:
        """Add a chunk or node; return False if it was there."""
        added = (self._nodes if one.kind == RecordKind.NODE else self._chunks).add(one.digest)
        return added and not self._there(one)


def missing_below(roots: Iterable[Root], seen: Seen, load: Callable[[bytes], bytes]) -> Iterator[Missing]:
    """Yield the chunks and nodes of trees that were not seen, each once and behind all that it points to.

    So a store may take them one by one, and what it has of them at any moment vouches for all below it (C10). What is
    below a node that was seen is not looked at.

    Args:
        roots: The trees, and single chunks.
        seen: What is passed over. It grows by what is yielded, a node as soon as its walk begins.
        load: Returns a node's bytes, checked against its digest.
    """
    for root in roots:
        if not seen.add(root):
            continue
        if root.kind == RecordKind.CHUNK:
            yield Missing(root.kind, root.digest, b"")
            continue
        data = load(root.digest)
        stack = [(root, data, links(data))]
        while stack:
            here, data, below = stack[-1]
            link = next(below, None)
            if link is None:
                stack.pop()
                yield Missing(here.kind, here.digest, data)
            elif seen.add(link):
                if link.kind == RecordKind.CHUNK:
                    yield Missing(link.kind, link.digest, b"")
                else:
                    data = load(link.digest)
                    stack.append((link, data, links(data)))
