"""Text export: a tree of lines below versions in both directions, each node once in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from artfs.catalog import EdgeKind
from artfs.lineage.graph import (
    BOTH,
    Direction,
    Key,
    check_depth,
    describe_node,
    distances,
    edge_text,
    next_edges,
    other_end,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from artfs.catalog import Edge, View

__all__ = ["tree_lines"]

_DEEPEST: Final = 20
"""Levels that are drawn by indenting. Deeper lines have their level in digits, or a chain would indent without end."""
_WORDS: Final = {
    (Direction.UP, EdgeKind.LOGGED): "logged by",
    (Direction.UP, EdgeKind.USED): "used",
    (Direction.DOWN, EdgeKind.USED): "used by",
    (Direction.DOWN, EdgeKind.LOGGED): "logged",
}


def tree_lines(
    view: View, starts: Sequence[Key], directions: Iterable[Direction] = BOTH, depth: int | None = None
) -> Iterator[str]:
    """Yield the lines of trees on the way of a walk.

    Args:
        view: The catalog.
        starts: The nodes at the tops.
        directions: The ways to go.
        depth: Number of runs to follow each way; None: all.

    Raises:
        InvalidInputError: `depth` is negative.
    """
    check_depth(depth)
    trees = [_Trees(view, starts, direction, depth) for direction in directions]
    for start in starts:
        above = all(start in tree.shown for tree in trees)
        yield f"{describe_node(view, start).label}{', as above' if above else ''}"
        for number, tree in enumerate(trees):
            more = any(next_edges(view, start, later.direction) for later in trees[number + 1 :])
            yield from tree.branches(start, more=more)


class _Trees:
    """Trees in one direction, which share what they have shown.

    Args:
        view: The catalog.
        starts: Their tops.
        direction: The way to go.
        depth: Number of runs to follow; None: all.

    Attributes:
        direction: The way to go.
        shown: Nodes that were shown in full.
    """

    def __init__(self, view: View, starts: Sequence[Key], direction: Direction, depth: int | None) -> None:
        self.direction = direction
        self.shown: set[Key] = set()
        self._view = view
        self._depth = depth
        self._reach = None if depth is None else distances(view, starts, direction, depth)

    def branches(self, start: Key, *, more: bool) -> Iterator[str]:
        """Yield the lines below a top; if `more`, those of another direction follow."""
        if start in self.shown:
            return
        self.shown.add(start)
        pending: list[tuple[Key, list[Edge], str]] = [(start, self._edges(start), "")]
        while pending:
            node, edges, indent = pending[-1]
            if not edges:
                pending.pop()
                continue
            edge = edges.pop()
            there, level = other_end(edge, node), len(pending)
            last = not edges and not (more and level == 1)
            deep = level > _DEEPEST
            what = _WORDS[self.direction, EdgeKind(edge.kind)]
            words = f"{what} {describe_node(self._view, there).label} ({edge_text(edge)})"
            seen = there in self.shown
            place = f"[{level}] " if deep else "└─ " if last else "├─ "
            yield f"{indent}{place}{words}{', as above' if seen else ''}"
            if not seen:
                self.shown.add(there)
                below = indent if deep else indent + ("   " if last else "│  ")
                pending.append((there, self._edges(there), below))

    def _edges(self, node: Key) -> list[Edge]:
        """Return the edges to follow from a node, the last first."""
        if self._reach is not None and isinstance(node, tuple) and self._reach[node] == self._depth:
            return []
        return next_edges(self._view, node, self.direction)[::-1]
