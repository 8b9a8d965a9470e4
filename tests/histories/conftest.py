"""Random histories, models, and faults at every call; `scripts/test --fast` leaves this folder out."""

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
