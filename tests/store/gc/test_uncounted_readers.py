"""Readers that cannot write their counts into the store: gc keeps what they may be reading."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from artfs.catalog import NewVersion, current_actor
from artfs.names import parse_ref
from artfs.store import open_store
from artfs.store.gc import collect_garbage
from artfs.store.reader_leases import are_uncounted, lock_uncounted


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with two versions of `animals`, each of 1 MiB."""
    with open_store(tmp_path / "store", create=True) as store:
        for number in range(2):
            (tmp_path / "file").write_bytes(random.Random(number).randbytes(1 << 20))
            store.put([tmp_path / "file"], NewVersion("animals"))
    return tmp_path / "store"


def test_gc_keeps_what_a_reader_that_cannot_write_may_be_reading(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader is refused its lease, as by a read-only file system, and gc sees its lock all the same."""
    refused = []

    def refuse(_readers: Path) -> None:
        refused.append(True)
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("artfs.store.store.ReaderLease", refuse)
    with open_store(place) as store:
        version = store.version(parse_ref("animals:v0"))
        assert refused
        store.catalog.delete_version(parse_ref("animals:v0"), current_actor())
        freed = collect_garbage(store, current_actor(), list)
        assert ([one.index for one in freed.versions], freed.packs) == ([0], 0)
        file = store.entry(version, (b"file",))
        assert bytes(store.content.read(file, 0, 1 << 20)) == random.Random(0).randbytes(1 << 20)
    with open_store(place) as store:
        assert collect_garbage(store, current_actor(), list).packs > 0


def test_gc_keeps_versions_until_the_last_reader_that_cannot_write_has_ended(place: Path) -> None:
    readers = place / "readers"
    assert not are_uncounted(readers)
    locks = [lock_uncounted(readers) for _ in range(2)]
    for lock in locks:
        assert are_uncounted(readers)
        os.close(lock)
    assert not are_uncounted(readers)
