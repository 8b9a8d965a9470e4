"""The graph of runs and versions: a walk yields each edge once, without recursion.

A walk upwards goes from a version to the runs that logged it and on to the versions that these used; a walk downwards
goes the other way.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from artfs.catalog import Edge, EdgeKind, Run, state_now
from artfs.errors import InvalidInputError
from artfs.lineage.referred import Referred, referred_by
from artfs.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from artfs.catalog import Version, View

__all__ = [
    "BOTH",
    "Direction",
    "Key",
    "RunNode",
    "Step",
    "VersionNode",
    "check_depth",
    "describe_node",
    "distances",
    "edge_ends",
    "edge_text",
    "next_edges",
    "node_id",
    "other_end",
    "version_key",
    "versions_reached",
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
    """A step of a walk.

    Attributes:
        edge: The edge that it went over; None where the walk begins.
        node: The node that it leads to.
        new: The walk has not met the node before.
    """

    edge: Edge | None
    node: Key
    new: bool


@dataclass(frozen=True, slots=True)
class VersionNode:
    """A version, as graphs show it.

    Attributes:
        id: A name that no other node has.
        ref: `animals:v3`, with the artifact's name as it is now.
        type: The artifact's type.
        deleted: It is listed nowhere any more.
        source: The version that it was restored from, by its reference then.
        links: The links to it, by their references now.
        referred: What it refers to elsewhere; None: nothing, as far as was looked.
    """

    id: str
    ref: str
    type: str
    deleted: bool
    source: str | None = None
    links: tuple[str, ...] = ()
    referred: Referred | None = None

    @property
    def label(self) -> str:
        """The node in one line for people."""
        source = f" (contents of {self.source})" if self.source else ""
        links = f" (linked as {', '.join(self.links)})" if self.links else ""
        return f"{self.ref}{source}{links}{self.marks}"

    @property
    def marks(self) -> str:
        """What is to be said of it in brackets, wherever it is named."""
        referred = f" ({self.referred.text})" if self.referred is not None else ""
        return f"{referred}{' (deleted)' if self.deleted else ''}"


@dataclass(frozen=True, slots=True)
class RunNode:
    """A run, as graphs show it.

    Attributes:
        id: A name that no other node has.
        run: Its row in the catalog.
        state: Its state now: `crashed` also if no record says so yet.
    """

    id: str
    run: Run
    state: str

    @property
    def label(self) -> str:
        """The node in one line for people."""
        fields = self.run.fields
        name = "" if fields.name in {"", self.run.id} else f" {printable(fields.name)}"
        job = f" [{printable(fields.job_type)}]" if fields.job_type else ""
        return f"run {self.run.id}{name}{job} {self.state}"


def version_key(view: View, version: Version) -> Key:
    """Return the node of a version; a link is at the node of its source."""
    source = view.source(version)
    return source.artifact, source.index


def walk(
    view: View, starts: Sequence[Key], directions: Iterable[Direction] = BOTH, depth: int | None = None
) -> Iterator[Step]:
    """Yield the starts of a walk, then each edge that it goes over, the nearest first.

    Args:
        view: The catalog, which is read on the way.
        starts: The nodes to begin at, each once.
        directions: The ways to go.
        depth: Number of runs to follow each way; None: all.

    Raises:
        InvalidInputError: `depth` is negative.
    """
    check_depth(depth)
    for start in starts:
        yield Step(None, start, new=True)
    met = set(starts)
    passed: set[tuple[str, int, int, int]] = set()
    for direction in directions:
        for edge, node in _search(view, direction, depth, dict.fromkeys(starts, 0)):
            way = (edge.run, edge.kind, edge.artifact, edge.index)
            if way not in passed:  # in a circle both walks come over it
                passed.add(way)
                yield Step(edge, node, node not in met)
                met.add(node)


def distances(view: View, starts: Sequence[Key], direction: Direction, depth: int | None) -> dict[Key, int]:
    """Return the nodes of a walk in one direction, with the least number of runs on the way to each."""
    found = dict.fromkeys(starts, 0)
    deque(_search(view, direction, depth, found), maxlen=0)
    return found


def _search(view: View, direction: Direction, depth: int | None, found: dict[Key, int]) -> Iterator[tuple[Edge, Key]]:
    """Search in breadth from the nodes in `found`: yield edges and where they lead to, and add distances to it."""
    waiting = deque(found)
    while waiting:
        node = waiting.popleft()
        if isinstance(node, tuple) and found[node] == depth:
            continue
        for edge in next_edges(view, node, direction):
            there = other_end(edge, node)
            if there not in found:
                found[there] = found[node] + isinstance(there, str)
                waiting.append(there)
            yield edge, there


def check_depth(depth: int | None) -> None:
    """Refuse a negative number of runs.

    Raises:
        InvalidInputError: `depth` is negative.
    """
    if depth is not None and depth < 0:
        raise InvalidInputError(f"depth {depth} is negative: give the number of runs to follow, or none for all")


def versions_reached(view: View, steps: Iterable[Step], type_: str) -> Iterator[Version]:
    """Yield the versions of a type that the edges of a walk lead to, each once; deleted ones too."""
    seen: set[Key] = set()
    for step in steps:
        if step.edge is None or not isinstance(step.node, tuple) or step.node in seen:
            continue
        seen.add(step.node)
        artifact, version = view.artifact(step.node[0]), view.version(*step.node, deleted=True)
        if artifact is not None and version is not None and artifact.type == type_:
            yield version


def next_edges(view: View, node: Key, direction: Direction) -> list[Edge]:
    """Return the edges from a node in one direction, in the order of time."""
    if isinstance(node, str):
        return view.edges_of_run(node, EdgeKind.USED if direction is Direction.UP else EdgeKind.LOGGED)
    version = view.version(*node, deleted=True)
    if version is None:
        return []
    return view.edges_of_version(version, EdgeKind.LOGGED if direction is Direction.UP else EdgeKind.USED)


def other_end(edge: Edge, node: Key) -> Key:
    """Return the other end of an edge."""
    return (edge.artifact, edge.index) if isinstance(node, str) else edge.run


def describe_node(view: View, node: Key) -> VersionNode | RunNode:
    """Return a node as graphs show it."""
    if isinstance(node, str):
        run = view.resolve_run(node)
        return RunNode(node_id(node), run, state_now(run))
    serial, index = node
    artifact = view.artifact(serial)
    name, type_ = (f"artifact {serial}", "") if artifact is None else (artifact.name, artifact.type)
    version = view.version(serial, index, deleted=True)
    if version is None:
        return VersionNode(node_id(node), f"{name}:v{index}", type_, deleted=True)
    referred = referred_by(view, version)
    about = version.deleted, version.source, tuple(str(view.ref(link)) for link in view.links(version)), referred
    return VersionNode(node_id(node), f"{name}:v{index}", type_, *about)


def node_id(node: Key) -> str:
    """Return the name of a node in files."""
    return f"run_{node}" if isinstance(node, str) else f"version_{node[0]}_{node[1]}"


def edge_ends(edge: Edge) -> tuple[str, str]:
    """Return the names of an edge's ends in files, as data flows."""
    run, version = node_id(edge.run), node_id((edge.artifact, edge.index))
    return (version, run) if edge.kind == EdgeKind.USED else (run, version)


def edge_text(edge: Edge) -> str:
    """Return the source of an edge in words: `open, 3 entries`."""
    if not edge.entries:
        return edge.how
    opened = f"{edge.entries:,} {'entry' if edge.entries == 1 else 'entries'}"
    return f"{edge.how}, {opened}" if edge.how == "open" else f"{edge.how}, opened {opened}"
