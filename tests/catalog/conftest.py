"""A fresh catalog. When a test ends, its invariants must hold, and the journal alone must give the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.catalog import Catalog
from tests.support.data.catalogs import CatalogPlace, check, rows_of


@pytest.fixture
def place(tmp_path: Path) -> CatalogPlace:
    """An empty catalog that is open nowhere. What a test does to it is the test's own business."""
    return CatalogPlace.make(tmp_path / "store")


@pytest.fixture
def catalog(place: CatalogPlace) -> Iterator[Catalog]:
    """An empty catalog, open."""
    with place.open() as opened:
        yield opened
        assert check(opened) == []
        assert rows_of(opened.environment) == place.rebuilt_rows()
