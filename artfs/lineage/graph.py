"""The graph of runs and versions, walked: each edge once, without recursion, and told as it is met.

A walk upwards goes from a version to the runs that logged it and on to what these used; downwards the other way.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from artfs.catalog import Edge, EdgeKind, Run, state_now
from artfs.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.catalog import Version, View

__all__ = [
    "BOTH",
    "Direction",
    "Key",
    "RunNode",
    "Step",
    "VersionNode",
    "check_depth",
    "distances",
    "ends",
    "far_end",
    "look",
    "next_edges",
    "node_id",
    "said",
    "start_of",
    "walk",
]

Key: TypeAlias = tuple[int, int] | str
"""A version (its artifact's serial, and its index) or a run (its id)."""


class Direction(Enum):
    """Against the flow of data, or with it."""

    UP = "up"
    DOWN = "down"


BOTH = (Direction.UP, Direction.DOWN)


class Step(NamedTuple):
    """What a walk met.

    Attributes:
        edge: Over which edge; None where the walk begins.
        node: Where it leads.
        new: Whether it was not met before.
    """

    edge: Edge | None
    node: Key
    new: bool


@dataclass(frozen=True, slots=True)
class VersionNode:
    """A version, as graphs show it.

    Attributes:
        id: By which no other node is called.
        ref: `animals:v3`, with the artifact's name as it is now.
        type: The artifact's type.
        deleted: It is listed nowhere any more.
    """

    id: str
    ref: str
    type: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class RunNode:
    """A run, as graphs show it.

    Attributes:
        id: By which no other node is called.
        run: What the catalog has of it.
        state: Its state now, `crashed` too when nobody has noted that yet.
    """

    id: str
    run: Run
    state: str


def start_of(version: Version) -> Key:
    """Where a walk from a version begins."""
    return version.artifact, version.index


def walk(view: View, start: Key, directions: Iterable[Direction] = BOTH, depth: int | None = None) -> Iterator[Step]:
    """Yield where a walk begins and each edge that it goes over, the nearest first.

    Args:
        view: The catalog; the walk is as long as it is looked at.
        start: Where it begins.
        directions: Which ways to go.
        depth: How many runs to follow each way; None: all.

    Raises:
        InvalidInputError: `depth` is negative.
    """
    check_depth(depth)
    yield Step(None, start, new=True)
    met = {start}
    crossed: set[tuple[str, int, int, int]] = set()
    for direction in directions:
        for edge, node in _cross(view, start, direction, depth, {start: 0}):
            way = (edge.run, edge.kind, edge.artifact, edge.index)
            if way not in crossed:  # in a circle both walks come over it
                crossed.add(way)
                yield Step(edge, node, node not in met)
                met.add(node)


def distances(view: View, start: Key, direction: Direction, depth: int | None) -> dict[Key, int]:
    """Return what a walk in one direction meets, and how many runs are between."""
    found = {start: 0}
    deque(_cross(view, start, direction, depth, found), maxlen=0)
    return found


def _cross(
    view: View, start: Key, direction: Direction, depth: int | None, found: dict[Key, int]
) -> Iterator[tuple[Edge, Key]]:
    """Yield edges and where they lead; note the distances of what was found."""
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        if isinstance(node, tuple) and found[node] == depth:
            continue
        for edge in next_edges(view, node, direction):
            there = far_end(edge, node)
            if there not in found:
                found[there] = found[node] + isinstance(there, str)
                waiting.append(there)
            yield edge, there


def check_depth(depth: int | None) -> None:
    """Refuse what is no number of runs.

    Raises:
        InvalidInputError: `depth` is negative.
    """
    if depth is not None and depth < 0:
        raise InvalidInputError(f"depth {depth} is negative: give the number of runs to follow, or none for all")


def next_edges(view: View, node: Key, direction: Direction) -> list[Edge]:
    """Return the edges by which a walk goes on from a node, in the order of time."""
    if isinstance(node, str):
        return view.edges_of_run(node, EdgeKind.USED if direction is Direction.UP else EdgeKind.LOGGED)
    version = view.version(*node, deleted=True)
    if version is None:
        return []
    return view.edges_of_version(version, EdgeKind.LOGGED if direction is Direction.UP else EdgeKind.USED)


def far_end(edge: Edge, node: Key) -> Key:
    """Return the other end of an edge."""
    return (edge.artifact, edge.index) if isinstance(node, str) else edge.run


def look(view: View, node: Key) -> VersionNode | RunNode:
    """Return what is to be shown of a node."""
    if isinstance(node, str):
        run = view.known_run(node)
        return RunNode(node_id(node), run, state_now(run))
    serial, index = node
    artifact = view.artifact(serial)
    name, type_ = (f"artifact {serial}", "") if artifact is None else (artifact.name, artifact.type)
    return VersionNode(node_id(node), f"{name}:v{index}", type_, deleted=view.version(serial, index) is None)


def node_id(node: Key) -> str:
    """Return what a node is called in files."""
    return f"run_{node}" if isinstance(node, str) else f"version_{node[0]}_{node[1]}"


def ends(edge: Edge) -> tuple[str, str]:
    """Return the ids of an edge's ends, as data flows."""
    run, version = node_id(edge.run), node_id((edge.artifact, edge.index))
    return (version, run) if edge.kind == EdgeKind.USED else (run, version)


def said(edge: Edge) -> str:
    """Return how it was learnt, in words: `open, 3 entries`."""
    if not edge.entries:
        return edge.how
    opened = f"{edge.entries:,} {'entry' if edge.entries == 1 else 'entries'}"
    return f"{edge.how}, {opened}" if edge.how == "open" else f"{edge.how}, opened {opened}"
