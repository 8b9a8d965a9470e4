"""A store, and in it a draft over nothing with a storer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.drafts.draft import Draft
from artfs.drafts.storer import DraftStorer
from artfs.store import Store, open_store
from tests.support.data.drafts import make_draft


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def storer(store: Store) -> Iterator[DraftStorer]:
    opened = DraftStorer(store)
    yield opened
    opened.close()


@pytest.fixture
def draft(tmp_path: Path, store: Store) -> Iterator[Draft]:
    opened = Draft(make_draft(tmp_path / "draft", None), store)
    yield opened
    opened.close()
