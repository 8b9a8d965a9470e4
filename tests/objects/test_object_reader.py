"""A reader of an object: what it tells the fetcher of its reads from the cache."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.objects import RemoteObject
from artfs.objects.cache import Cache
from artfs.objects.fetcher.fetcher_client import FetcherClient
from artfs.objects.fetcher.object_reader import ObjectReader
from artfs.objects.fetcher.settings import FetcherSettings

_MIB = 1 << 20
_READ = 128 << 10
_OBJECT = RemoteObject("s3://bucket/large", 64 * _MIB, etag="one")


class _ToldClient(FetcherClient):
    """A fetcher's client that is only told of reads, and starts nothing."""

    def __init__(self, directory: Path) -> None:
        super().__init__(FetcherSettings(directory, "test", program=(sys.executable, "-c", "")))
        self.told: list[tuple[int, int]] = []

    def hint(self, remote: RemoteObject, start: int, end: int) -> None:
        assert remote == _OBJECT
        self.told.append((start, end))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    """A cache with the first half of the object."""
    with Cache(tmp_path, 64 * _MIB) as cache:
        for start in range(0, 32 * _MIB, 4 * _MIB):
            assert cache.store(_OBJECT, start, bytes(4 * _MIB))
        yield cache


def test_of_a_sequence_the_fetcher_is_told_at_each_read_first_and_then_once_a_mib(cache: Cache, tmp_path: Path) -> None:
    client = _ToldClient(tmp_path)
    with ObjectReader(cache, client, _OBJECT) as reader:
        for at in range(16 * _MIB, 32 * _MIB, _READ):
            assert len(reader.read(at, _READ)) == _READ
    starts = [start for start, _end in client.told]
    assert starts[:8] == [16 * _MIB + number * _READ for number in range(8)]
    steps = [after - before for before, after in itertools.pairwise(starts)]
    assert steps == sorted(steps)
    assert steps[-4:] == [_MIB] * 4


def test_of_a_read_elsewhere_the_fetcher_is_told_at_once(cache: Cache, tmp_path: Path) -> None:
    client = _ToldClient(tmp_path)
    elsewhere = [(at * _MIB, at * _MIB + _READ) for at in (20, 17, 30, 25)]
    with ObjectReader(cache, client, _OBJECT) as reader:
        for start, end in elsewhere:
            assert len(reader.read(start, end - start)) == _READ
    assert client.told == elsewhere


def test_of_a_read_far_before_the_end_of_what_is_fetched_the_fetcher_is_not_told(cache: Cache, tmp_path: Path) -> None:
    client = _ToldClient(tmp_path)
    with ObjectReader(cache, client, _OBJECT) as reader:
        for at in range(0, 15 * _MIB, _READ):
            assert len(reader.read(at, _READ)) == _READ
    assert not client.told
