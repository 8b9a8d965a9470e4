"""Mounts of real stores and of trees in memory, gone when the test or its module is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import Served

Serve = Callable[..., Served]


@pytest.fixture
def mountpoint(tmp_path: Path) -> Path:
    """An empty directory."""
    path = tmp_path / "mnt"
    path.mkdir()
    return path


@pytest.fixture
def served_directory(tmp_path: Path) -> Path:
    """The directory where a served tree logs, and where files control it."""
    path = tmp_path / "served"
    path.mkdir()
    return path


@pytest.fixture
def serve(served_directory: Path, mountpoint: Path) -> Iterator[Serve]:
    """Serves a tree in memory, with the given options."""
    started: list[Served] = []

    def start(*flags: str, **options: object) -> Served:
        started.append(Served(served_directory, mountpoint, *flags, **options))
        return started[-1]

    yield start
    for served in started:
        served.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MountedStore]:
    """A store for a whole module, whose own fixtures put into it and mount it."""
    with MountedStore(tmp_path_factory.mktemp("shared")) as store:
        yield store
        assert store.troubles() == []


@pytest.fixture
def own(tmp_path: Path) -> Iterator[MountedStore]:
    """A store for one test."""
    with MountedStore(tmp_path) as store:
        yield store
