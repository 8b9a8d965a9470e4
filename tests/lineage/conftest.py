"""Stores that are mounted while runs read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mountedstore import MountedStore
from tests.support.runs import numbered


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[MountedStore]:
    """A mounted store with `animals:v0`, of 100 numbered files."""
    with MountedStore(tmp_path) as store:
        store.put(numbered(store.top / "animals", 100), name="animals")
        store.mount("--workers", "3")
        yield store
        assert [line for line in store.troubles() if "was killed by signal 9" not in line] == []
