"""A new store's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artfs.store import open_store


def test_the_directories_that_were_made_for_a_store_are_synced_where_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    open_store(tmp_path / "new" / "too" / "store", create=True).close()
    above = [os.fspath(path) for path in (tmp_path / "new" / "too", tmp_path / "new", tmp_path)]
    assert set(above) <= set(synced)
    assert synced.index(os.fspath(tmp_path / "new" / "too" / "store")) < synced.index(above[0])
    synced.clear()
    open_store(tmp_path / "new" / "too" / "store", create=True).close()
    assert not set(above) & set(synced)
