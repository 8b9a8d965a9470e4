"""A fresh place for packs, and a pack of chunks of several kinds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from artfs.format.digest import BLOCK_SIZE
from tests.support.data.packs import Place, Stored, StoredPack


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.make(tmp_path)


@pytest.fixture
def pack(place: Place) -> tuple[StoredPack, list[Stored]]:
    noise = random.Random(1).randbytes
    return place.store([noise(1001), bytes(20_000), noise(5 * BLOCK_SIZE), noise(777), noise(50)])
