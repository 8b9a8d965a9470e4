"""Mounts that are gone when the test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.mounts import Served

Serve = Callable[..., Served]


@pytest.fixture
def mountpoint(tmp_path: Path) -> Path:
    """An empty directory."""
    path = tmp_path / "mnt"
    path.mkdir()
    return path


@pytest.fixture
def served_directory(tmp_path: Path) -> Path:
    """Where a served tree logs, and is told by files what to do."""
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
