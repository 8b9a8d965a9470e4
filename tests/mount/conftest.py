"""Mounts of real stores, made once for each module and gone after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mountedstore import MountedStore


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
