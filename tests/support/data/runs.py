"""Runs as tests see them: what the catalog says they used and logged."""

from __future__ import annotations

from pathlib import Path

from artfs.catalog import Edge, EdgeKind
from artfs.store import open_store

__all__ = ["edge_sources", "edges", "numbered", "only_run", "opened", "states"]


def numbered(directory: Path, count: int, content: str = "") -> Path:
    """Make a directory of files `0` to `count - 1`, each with what tells it from others."""
    directory.mkdir()
    for number in range(count):
        (directory / str(number)).write_text(f"{content}{number}")
    return directory


def edges(store: Path, kind: EdgeKind = EdgeKind.USED) -> dict[str, set[str]]:
    """By run's name: which versions it used or logged, as `name:vN`."""
    return {run: set(found) for run, found in _edges(store, kind).items()}


def opened(store: Path) -> dict[str, dict[str, int]]:
    """By run's name, and by version: how many entries it opened."""
    return {run: {ref: edge.entries for ref, edge in found.items()} for run, found in _edges(store).items()}


def edge_sources(store: Path) -> dict[str, dict[str, str]]:
    """By run's name, and by version that it used: the source of the edge."""
    return {run: {ref: edge.how for ref, edge in found.items()} for run, found in _edges(store).items()}


def _edges(store: Path, kind: EdgeKind = EdgeKind.USED) -> dict[str, dict[str, Edge]]:
    with open_store(store) as opened_store, opened_store.catalog.view() as view:
        found: dict[str, dict[str, Edge]] = {}
        for run in view.runs():
            found[run.fields.name] = {}
            for edge in view.edges_of_run(run.id, kind):
                version = view.version(edge.artifact, edge.index)
                assert version is not None
                found[run.fields.name][str(view.ref(version))] = edge
        return found


def states(store: Path) -> dict[str, str]:
    """By run's name: its state."""
    with open_store(store) as opened, opened.catalog.view() as view:
        return {run.fields.name: run.state for run in view.runs()}


def only_run(store: Path) -> str:
    """The id of the only run."""
    with open_store(store) as opened, opened.catalog.view() as view:
        (run,) = view.runs()
        return run.id
