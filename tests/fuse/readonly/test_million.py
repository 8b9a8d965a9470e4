"""A version with a million files is mounted like any other."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.store import open_store
from tests.support.data.million import MILLION, store_million
from tests.support.mounts.mountedstore import MountedStore


def _anonymous_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def test_a_version_of_a_million_files_is_listed_and_read_in_little_memory(own: MountedStore) -> None:
    with open_store(own.store, create=True) as store:
        store_million(store)
    version = own.mount() / "million" / "v0"
    for number in range(0, MILLION, 9_973):
        assert (version / f"{number:07}").read_bytes() == b"%d" % (number % 1000)
    assert not (version / "1000000").exists()
    with os.scandir(version) as listing:
        assert sum(entry.is_file(follow_symlinks=False) for entry in listing) == MILLION
    workers = own.workers()
    assert workers
    assert max(map(_anonymous_bytes, workers)) < 80_000_000
