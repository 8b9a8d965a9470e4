"""Two stores: one that has versions, and one to which they go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.store import Store, open_store


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Store]:
    """An empty store that is exported from."""
    with open_store(tmp_path / "here", create=True) as store:
        yield store


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Store]:
    """An empty store that is imported into."""
    with open_store(tmp_path / "there", create=True) as store:
        yield store
