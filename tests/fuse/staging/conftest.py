"""Staging mounts that are gone when the test is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounts.stagedstore import StagedStore


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[StagedStore]:
    """A store whose drafts are mounted."""
    with StagedStore(tmp_path) as store:
        store.mount()
        yield store
