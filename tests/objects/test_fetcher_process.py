"""The fetcher's process: started by whoever needs it, one at a time, replaced when killed, gone soon after use."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError, SourceError
from artfs.objects import RemoteObject
from artfs.objects.cache import Cache
from artfs.objects.fetcher import starting
from artfs.objects.fetcher.fetcher_client import FetcherClient
from artfs.objects.fetcher.object_reader import ObjectReader
from artfs.objects.fetcher.settings import FetcherSettings
from tests.support.models.fakeobjects import FakeObjects

_MIB = 1 << 20
_DATA = random.Random(1).randbytes(8 * _MIB)
_CHILD = Path(__file__).parents[1] / "support" / "programs" / "fetcher_child.py"


@pytest.fixture
def objects(tmp_path: Path) -> FakeObjects:
    (tmp_path / "objects").mkdir()
    return FakeObjects(tmp_path / "objects")


@pytest.fixture
def settings(objects: FakeObjects, tmp_path: Path) -> Iterator[FetcherSettings]:
    """A fetcher that ends at once after its last client; a test that leaves one behind fails."""
    (tmp_path / "cache").mkdir()
    settings = FetcherSettings(
        tmp_path / "cache",
        "test",
        budget=64 * _MIB,
        idle_seconds=0.05,
        program=(sys.executable, str(_CHILD), str(objects.directory)),
    )
    yield settings
    _wait_until_it_ended(settings)
    assert not settings.socket.exists()
    assert not settings.log.exists() or not settings.log.read_text()


@pytest.fixture
def client(settings: FetcherSettings) -> Iterator[FetcherClient]:
    with FetcherClient(settings) as client:
        yield client


@pytest.fixture
def cache(settings: FetcherSettings) -> Iterator[Cache]:
    with Cache(settings.directory, 64 * _MIB) as cache:
        yield cache


def test_a_read_starts_it_and_the_next_one_asks_nobody(
    objects: FakeObjects, client: FetcherClient, cache: Cache
) -> None:
    remote = objects.put("a", _DATA)
    with ObjectReader(cache, client, remote) as reader:
        assert reader.read(3 * _MIB, 100_000) == _DATA[3 * _MIB : 3 * _MIB + 100_000]
    with ObjectReader(cache, client, remote) as reader:
        assert reader.read(3 * _MIB + 5, 10) == _DATA[3 * _MIB + 5 : 3 * _MIB + 15]
        assert reader.read(len(_DATA), 10) == b""
    assert sum(start <= 3 * _MIB < end for _name, start, end in objects.requests) == 1
    assert cache.counters.get()["hits"] == 1


def test_errors_keep_their_class_and_their_message(objects: FakeObjects, client: FetcherClient, cache: Cache) -> None:
    changed, gone, refused = (objects.put(name, _DATA[:1000]) for name in ("changed", "gone", "refused"))
    objects.put("changed", b"other")
    (objects.directory / "gone").unlink()
    objects.fail("refused", "refused")
    for remote, kind, message in (
        (changed, ReferenceChangedError, "has changed"),
        (gone, ReferenceGoneError, "is gone"),
        (refused, SourceError, "access denied"),
    ):
        with ObjectReader(cache, client, remote) as reader, pytest.raises(SourceError, match=message) as caught:
            reader.read(0, 10)
        assert type(caught.value) is kind


def test_what_is_cached_is_read_when_the_source_is_gone_and_a_read_of_nothing_proves_that_it_is_there(
    objects: FakeObjects, client: FetcherClient, cache: Cache
) -> None:
    remote = objects.put("a", _DATA[:1000])
    with ObjectReader(cache, client, remote) as reader:
        assert reader.read(0, 0) == b""
        assert reader.read(0, 1000) == _DATA[:1000]
        (objects.directory / "a").unlink()
        assert reader.read(0, 1000) == _DATA[:1000]
        with pytest.raises(ReferenceGoneError):
            reader.read(0, 0)


def test_what_a_uri_leads_to_comes_in_pages(objects: FakeObjects, client: FetcherClient) -> None:
    remotes = [objects.put(name, name.encode()) for name in ("a", "b", "c")]
    pages = list(client.find(f"fake://{objects.directory}", checksum=True))
    assert [found.object for page in pages for found in page] == remotes
    assert len(pages) == 3


def test_many_that_start_it_at_the_same_time_start_one(objects: FakeObjects, settings: FetcherSettings) -> None:
    remote = objects.put("a", _DATA[:1000])
    barrier = threading.Barrier(8)

    def read(_number: int) -> int:
        with FetcherClient(settings) as client:
            barrier.wait()
            client.read(remote, 0, 10)
            holder = _holder(settings)
            barrier.wait()
            return holder

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read, range(8)))) == 1
    assert len(objects.requests) == 1


def test_killed_again_and_again_no_read_fails(objects: FakeObjects, settings: FetcherSettings, cache: Cache) -> None:
    remote = objects.put("a", _DATA)
    ended = threading.Event()
    kills = 0

    def read(number: int) -> None:
        offsets = list(range(0, len(_DATA), 64 << 10))
        chosen = random.Random(number)
        with FetcherClient(settings) as client, ObjectReader(cache, client, remote) as reader:
            while not ended.is_set():
                offset = chosen.choice(offsets)
                if offset < 5 * (64 << 10):
                    cache.clear(kept=True)
                assert reader.read(offset, 64 << 10) == _DATA[offset : offset + (64 << 10)]

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read, number) for number in range(4)]
        try:
            while kills < 5 and not any(reader.done() for reader in readers):
                before = len(objects.requests)
                while len(objects.requests) == before and not any(reader.done() for reader in readers):
                    time.sleep(0.001)
                pid = _holder(settings)
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
        finally:
            ended.set()
        for reader in readers:
            reader.result()
    assert kills == 5


def test_a_forked_child_asks_with_connections_of_its_own(objects: FakeObjects, client: FetcherClient) -> None:
    remotes = [objects.put(str(number), _DATA[number : number + 1000]) for number in range(20)]
    assert client.read(remotes[0], 0, 10, in_reply=True) == _DATA[:10]
    child = os.fork()
    numbers = range(1, 20, 2) if child else range(2, 20, 2)
    right = all(client.read(remotes[n], 0, 10, in_reply=True) == _DATA[n : n + 10] for n in numbers)
    if not child:
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert right


def test_many_ranges_are_brought_in_at_a_time(objects: FakeObjects, client: FetcherClient, cache: Cache) -> None:
    remotes = [objects.put(str(number), _DATA[number : number + 1000]) for number in range(200)]
    lengths = list(client.read_all(((remote, 0, 1000) for remote in remotes), at_a_time=32))
    assert lengths == [1000] * 200
    for number, remote in enumerate(remotes):
        with ObjectReader(cache, client, remote) as reader:
            assert reader.read(0, 1000) == _DATA[number : number + 1000]
    assert cache.counters.get()["hits"] == 200 or len(objects.requests) == 200


def test_a_full_cache_is_read_through(objects: FakeObjects, settings: FetcherSettings) -> None:
    remote = objects.put("a", _DATA)
    small = replace(settings, budget=64 << 10)
    with Cache(small.directory) as cache, FetcherClient(small) as client, ObjectReader(cache, client, remote) as reader:
        for offset in (0, _MIB, 5 * _MIB):
            assert reader.read(offset, _MIB) == _DATA[offset : offset + _MIB]


def test_one_that_cannot_start_is_one_clear_line(settings: FetcherSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = FetcherSettings(settings.directory, "broken", program=(sys.executable, "-c", "raise SystemExit(1)"))
    monkeypatch.setattr(starting, "_START_SECONDS", 0.2)
    with FetcherClient(broken) as client, pytest.raises(SourceError, match=r"does not start: see .*-broken\.log"):
        client.read(RemoteObject("fake://a", 1), 0, 1)


def test_it_works_in_a_directory_with_a_long_path(objects: FakeObjects, settings: FetcherSettings) -> None:
    directory = settings.directory / ("long" * 50)
    directory.mkdir()
    far = FetcherSettings(directory, "far", idle_seconds=0.05, program=settings.program)
    remote = objects.put("a", _DATA[:1000])
    with FetcherClient(far) as client:
        assert client.read(remote, 0, 10, in_reply=True) == _DATA[:10]
    _wait_until_it_ended(far)


def _holder(settings: FetcherSettings) -> int:
    """Return the process that is the fetcher; 0 if there is none."""
    inode = os.stat(settings.lock).st_ino if settings.lock.exists() else -1
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[-3].endswith(f":{inode}"):
            return int(fields[-4])
    return 0


def _wait_until_it_ended(settings: FetcherSettings) -> None:
    """Wait until the fetcher has given up its lock, which ends with it."""
    if settings.lock.exists():
        with settings.lock.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)


@pytest.mark.parametrize("value", ["soon", "0", "-1", "inf", "nan"])
@pytest.mark.parametrize("name", ["ARTFS_FETCHER_IDLE_SECONDS", "ARTFS_FETCHER_TIMEOUT_SECONDS"])
def test_seconds_that_are_no_positive_number_are_refused_by_the_name_of_their_variable(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(InvalidInputError, match=rf"\${name} .*{value}"):
        FetcherSettings.of_environment({"HOME": str(tmp_path), name: value})
