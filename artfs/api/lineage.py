"""The lineage of a version: the run that logged it, those that used it, and reachable versions."""

from __future__ import annotations

from artfs.catalog import EdgeKind, Run, Version
from artfs.lineage import StepFiles, current_view
from artfs.lineage.graph import Direction, version_key, walk
from artfs.store.store import Store

__all__ = ["logged_by", "reachable", "step_when_logged", "used_by"]


def logged_by(store: Store, version: Version) -> Run | None:
    """Return the run that made a version, of a link its source; None if it was logged outside of runs."""
    with store.catalog.view() as view:
        run = view.source(version).logged_by
        return None if run is None else view.resolve_run(run)


def step_when_logged(store: Store, version: Version) -> int | None:
    """Return the last step in the history of the run that made a version, of those before; None if there is none."""
    if version.logged_by is None:
        return None
    rows = StepFiles(store.layout.steps, version.logged_by).rows()
    return max((row["_step"] for row in rows if row["_timestamp"] * 1e9 <= version.created_ns), default=None)


def used_by(store: Store, version: Version) -> list[Run]:
    """Return the runs that used a version, in the order of time."""
    with current_view(store) as view:
        runs = [view.run(edge.run) for edge in view.edges_of_version(version, EdgeKind.USED)]
    return [run for run in runs if run is not None]


def reachable(store: Store, version: Version, direction: Direction, depth: int | None = None) -> list[Version]:
    """Return the versions that one was made from (`UP`) or went into (`DOWN`), the nearest first.

    A deleted version is passed through, and not returned.

    Args:
        store: The store that has it.
        version: The version to begin at; not among those returned.
        direction: `UP` or `DOWN`.
        depth: Number of runs to pass; None: all.

    Raises:
        InvalidInputError: `depth` is negative.
    """
    with current_view(store) as view:
        steps = walk(view, [version_key(view, version)], [direction], depth)
        nodes = [step.node for step in steps if step.new and step.edge is not None]
        reached = [view.version(*node) for node in nodes if isinstance(node, tuple)]
    return [version for version in reached if version is not None]
