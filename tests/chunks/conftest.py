"""A fresh place for packs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.packs import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)
