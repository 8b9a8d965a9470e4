"""A store that threads share counts the versions that they have open, in one lease."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.catalog import NewVersion
from artfs.names import parse_ref
from artfs.store import Store, open_store
from artfs.store.reader_leases import OpenCounts, ReaderLease, read_serials
from tests.support.schedules import Rival, once


@pytest.fixture
def rival() -> Rival[None]:
    return Rival()


@pytest.fixture
def store(tmp_path: Path, rival: Rival[None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with `animals:v0`; the other thread's waiting for one of its locks is seen."""
    (tmp_path / "file").write_bytes(b"tom")
    with monkeypatch.context() as patch:
        patch.setattr("artfs.store.store.Lock", rival.lock)
        opened = open_store(tmp_path / "store", create=True)
    with opened:
        opened.put([tmp_path / "file"], NewVersion("animals"))
        yield opened


def test_two_threads_that_open_the_first_versions_of_a_store_share_a_lease(
    store: Store, rival: Rival[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.catalog.view() as view:
        version = view.resolve(parse_ref("animals"))
    lease = once(lambda: rival.meanwhile(lambda: store.retain(version)), ReaderLease)
    monkeypatch.setattr("artfs.store.store.ReaderLease", lease)
    store.retain(version)
    rival.result()
    assert len(list(store.layout.readers.iterdir())) == 1
    store.release(version.serial)
    assert read_serials(store.layout.readers) == {version.serial}
    store.release(version.serial)
    assert read_serials(store.layout.readers) == set()


def test_a_version_that_one_thread_opens_while_another_closes_it_counts_as_open(
    store: Store, rival: Rival[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = store.version(parse_ref("animals"))
    counting = once(lambda: rival.meanwhile(lambda: store.release(version.serial)), OpenCounts.opened)
    monkeypatch.setattr(OpenCounts, "opened", counting)
    store.retain(version)
    rival.result()
    assert rival.waited
    assert read_serials(store.layout.readers) == {version.serial}
