"""Stores that are mounted while runs read them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.data.runs import numbered
from tests.support.mounts.mountedstore import MountedStore


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[MountedStore]:
    """A mounted store with `animals:v0`, of 100 numbered files."""
    with MountedStore(tmp_path) as store:
        store.put(numbered(store.top / "animals", 100), name="animals")
        store.mount("--workers", "3")
        yield store
        assert [line for line in store.troubles() if "was killed by signal 9" not in line] == []


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[MountedStore]:
    """A store without versions, with both mounts."""
    with MountedStore(tmp_path) as store:
        store.done("init")
        store.mount("--staging", os.fspath(store.place("stage")))
        yield store
        assert store.troubles() == []
