"""The graph as a tree of lines: what a version comes from and what comes from it, each node once in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from artfs.catalog import EdgeKind
from artfs.lineage.graph import BOTH, Direction, Key, check_depth, distances, far_end, look, next_edges, said
from artfs.lineage.labels import label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.catalog import Edge, View

__all__ = ["tree_lines"]

_DEEPEST: Final = 20
"""Levels that are drawn as such. Below, a line says its level in digits: a chain's lines would else grow with it."""
_WORDS: Final = {
    (Direction.UP, EdgeKind.LOGGED): "logged by",
    (Direction.UP, EdgeKind.USED): "used",
    (Direction.DOWN, EdgeKind.USED): "used by",
    (Direction.DOWN, EdgeKind.LOGGED): "logged",
}


def tree_lines(
    view: View, start: Key, directions: Iterable[Direction] = BOTH, depth: int | None = None
) -> Iterator[str]:
    """Yield the lines of a tree, as they are met.

    Args:
        view: The catalog.
        start: What is at the top.
        directions: Which ways to go.
        depth: How many runs to follow each way; None: all.

    Raises:
        InvalidInputError: `depth` is negative.
    """
    check_depth(depth)
    ways = tuple(directions)
    yield label(look(view, start))
    for direction in ways:
        reach = None if depth is None else distances(view, start, direction, depth)
        yield from _branches(view, start, direction, depth, reach, more=direction is not ways[-1])


def _branches(  # the arguments of `tree_lines`, and what it found out
    view: View, start: Key, direction: Direction, depth: int | None, reach: dict[Key, int] | None, *, more: bool
) -> Iterator[str]:
    """Yield the lines below the top in one direction; `more` follow from another one."""
    shown = {start}
    more = more and bool(next_edges(view, start, _other(direction)))
    pending: list[tuple[Key, list[Edge], str]] = [(start, next_edges(view, start, direction)[::-1], "")]
    if reach is not None and depth == 0:
        return
    while pending:
        node, edges, indent = pending[-1]
        if not edges:
            pending.pop()
            continue
        edge = edges.pop()
        there, level = far_end(edge, node), len(pending)
        last = not edges and not (more and level == 1)
        fold = level > _DEEPEST
        words = f"{_WORDS[direction, EdgeKind(edge.kind)]} {label(look(view, there))} ({said(edge)})"
        seen = there in shown
        if fold:
            yield f"{indent}[{level}] {words}{', as above' if seen else ''}"
        else:
            yield f"{indent}{'└─ ' if last else '├─ '}{words}{', as above' if seen else ''}"
        if seen:
            continue
        shown.add(there)
        if reach is None or isinstance(there, str) or reach[there] != depth:
            below = indent if fold else indent + ("   " if last else "│  ")
            pending.append((there, next_edges(view, there, direction)[::-1], below))


def _other(direction: Direction) -> Direction:
    return Direction.DOWN if direction is Direction.UP else Direction.UP
