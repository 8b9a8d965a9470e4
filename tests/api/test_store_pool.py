"""The open stores of the API: threads that want the same one share it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from artfs.api import store_pool
from artfs.store import Store, open_store
from tests.support.schedules import Rival, once


@pytest.fixture
def rival(monkeypatch: pytest.MonkeyPatch) -> Rival[object]:
    """The other thread; its waiting for the pool is seen."""
    rival: Rival[object] = Rival()
    monkeypatch.setattr("artfs.api.store_pool._lock", rival.lock())
    return rival


def test_two_threads_that_open_a_store_at_once_get_the_same_one(
    rival: Rival[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = once(lambda: rival.meanwhile(lambda: store_pool.shared_store(tmp_path / "store")), open_store)
    monkeypatch.setattr("artfs.api.store_pool.open_store", opening)
    assert store_pool.shared_store(tmp_path / "store") is rival.result()


OTHERS: dict[str, Callable[[Store], object]] = {
    "share": store_pool.shared_store,
    "list": lambda _other: store_pool.open_stores(),
    "close": lambda other: store_pool.close_stores(but=[other]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_pool_is_as_another_thread_left_it(
    rival: Rival[object], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(tmp_path / "other", create=True) as other:
        opening = once(lambda: rival.meanwhile(lambda: OTHERS[name](other)), open_store)
        monkeypatch.setattr("artfs.api.store_pool.open_store", opening)
        store = store_pool.shared_store(tmp_path / "store")
        assert rival.waited
        rival.result()
        assert store.usable == (name != "close")
        store_pool.close_stores()
