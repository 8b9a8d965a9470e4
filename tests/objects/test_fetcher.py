"""The fetcher: each range is asked for once, failures are bounded, and no object holds up others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from artfs.errors import ReferenceChangedError, ReferenceGoneError, SourceError
from artfs.objects import RemoteObject
from artfs.objects.cache import Cache
from artfs.objects.fetcher.fetcher import Fetcher
from artfs.objects.fetcher.limits import Limits
from tests.support.models.fakeobjects import FakeObjects

_MIB = 1 << 20
_DATA = random.Random(1).randbytes(16 * _MIB)
_QUICK = Limits(hedge_seconds=60.0, total_seconds=0.6, failing_seconds=0.1, first_delay=0.01)
_PATIENT = Limits(hedge_seconds=60.0, total_seconds=60.0)
_NOTHING_AHEAD = Limits(hedge_seconds=60.0, first_window=0, last_window=0)


@pytest.fixture
def objects(tmp_path: Path) -> FakeObjects:
    (tmp_path / "objects").mkdir()
    return FakeObjects(tmp_path / "objects")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache(tmp_path / "cache", 256 * _MIB) as opened:
        yield opened


@pytest.fixture
def run(objects: FakeObjects, cache: Cache) -> Callable[..., None]:
    """Run a coroutine with a fetcher of these limits."""

    def run(use: Callable[[Fetcher], Awaitable[None]], limits: Limits = _PATIENT) -> None:
        async def main() -> None:
            fetcher = Fetcher(objects, cache, limits)
            try:
                await use(fetcher)
            finally:
                await fetcher.close()

        asyncio.run(main())

    return run


def test_a_range_is_brought_into_the_cache_and_asked_for_once(
    objects: FakeObjects, cache: Cache, run: Callable[..., None]
) -> None:
    remote = objects.put("a", _DATA)

    async def use(fetcher: Fetcher) -> None:
        assert await fetcher.read(remote, 5 * _MIB + 1, 5 * _MIB + 10) is None
        assert await fetcher.read(remote, 5 * _MIB, 5 * _MIB + 10) is None
        assert (
            await fetcher.read(remote, 5 * _MIB + 3, 5 * _MIB + 7, in_reply=True) == _DATA[5 * _MIB + 3 : 5 * _MIB + 7]
        )

    run(use)
    assert _cached(cache, remote, 5 * _MIB, 5 * _MIB + 10) == _DATA[5 * _MIB : 5 * _MIB + 10]
    assert objects.requests == [("a", 5 * _MIB, 5 * _MIB + (16 << 10))]
    assert cache.counters.get()["requests"] == 1


def test_readers_of_the_same_range_share_one_request_and_neighbours_become_one(
    objects: FakeObjects, run: Callable[..., None]
) -> None:
    remote = objects.put("a", _DATA)
    objects.fail("a", 0.05)

    async def use(fetcher: Fetcher) -> None:
        reads = [fetcher.read(remote, 9 * _MIB + at, 9 * _MIB + at + (64 << 10)) for at in range(0, _MIB, 64 << 10)]
        await asyncio.gather(*reads, *[fetcher.read(remote, 9 * _MIB, 10 * _MIB) for _reader in range(10)])

    run(use, _NOTHING_AHEAD)
    assert objects.requests == [("a", 9 * _MIB, 10 * _MIB)]


def test_what_is_fetched_already_is_waited_for_and_only_the_rest_asked_for(
    objects: FakeObjects, run: Callable[..., None]
) -> None:
    remote = objects.put("a", _DATA)
    objects.fail("a", 0.1)

    async def use(fetcher: Fetcher) -> None:
        first = asyncio.create_task(fetcher.read(remote, 4 * _MIB, 5 * _MIB))
        await objects.asked.wait()
        assert await fetcher.read(remote, 4 * _MIB, 6 * _MIB, in_reply=True) == _DATA[4 * _MIB : 6 * _MIB]
        assert first.done()

    run(use, _NOTHING_AHEAD)
    assert objects.requests == [("a", 4 * _MIB, 5 * _MIB), ("a", 5 * _MIB, 6 * _MIB)]


def test_a_small_object_is_fetched_whole_and_a_large_range_in_requests_of_a_few_mib(
    objects: FakeObjects, run: Callable[..., None]
) -> None:
    small, large = objects.put("small", _DATA[:40_000]), objects.put("large", _DATA)

    async def use(fetcher: Fetcher) -> None:
        await fetcher.read(small, 100, 200)
        await fetcher.read(large, 0, 10 * _MIB)

    run(use, _NOTHING_AHEAD)
    assert objects.requests[0] == ("small", 0, 40_000)
    assert sorted(objects.requests[1:]) == [
        ("large", 0, 4 * _MIB),
        ("large", 4 * _MIB, 8 * _MIB),
        ("large", 8 * _MIB, 10 * _MIB),
    ]


def test_a_sequential_reader_is_read_ahead_of_and_a_random_one_is_not(
    objects: FakeObjects, run: Callable[..., None]
) -> None:
    forward, scattered = objects.put("forward", _DATA), objects.put("scattered", _DATA)

    async def use(fetcher: Fetcher) -> None:
        for at in range(0, 16 * _MIB, 128 << 10):
            assert await fetcher.read(forward, at, at + (128 << 10)) is None
            fetcher.hint(forward, at, at + (128 << 10))
        for at in (9, 3, 13, 6):
            await fetcher.read(scattered, at * _MIB, at * _MIB + 4096)

    run(use)
    sizes = [end - start for name, start, end in objects.requests if name == "forward"]
    assert sum(sizes) == 16 * _MIB
    assert len(sizes) <= 16
    assert max(sizes) == 4 * _MIB
    assert [end - start for name, start, end in objects.requests if name == "scattered"] == [16 << 10] * 4


@pytest.mark.parametrize(("budget", "ahead"), [(256 * _MIB, 4 * _MIB), (16 * _MIB, 2 * _MIB), (8 * _MIB, _MIB)])
def test_no_more_is_fetched_ahead_than_an_eighth_of_the_cache_and_all_of_it_once(
    objects: FakeObjects, tmp_path: Path, budget: int, ahead: int
) -> None:
    remote = objects.put("a", _DATA)
    leads = []

    async def read_all(cache: Cache) -> None:
        fetcher = Fetcher(objects, cache, Limits(hedge_seconds=60.0, largest=_MIB, last_window=4 * _MIB))
        try:
            for end in range(_MIB // 2, 16 * _MIB + 1, _MIB // 2):
                assert await fetcher.read(remote, end - _MIB // 2, end) is None
                leads.append(max(after for _name, _start, after in objects.requests) - end)
        finally:
            await fetcher.close()

    with Cache(tmp_path / "other", budget) as other:
        asyncio.run(read_all(other))
    assert ahead // 2 < max(leads) <= ahead
    assert sum(end - start for _name, start, end in objects.requests) == 16 * _MIB


def test_what_was_to_be_fetched_ahead_goes_first_when_somebody_waits_for_it(
    objects: FakeObjects, run: Callable[..., None]
) -> None:
    busy, wanted = objects.put("busy", _DATA), objects.put("wanted", _DATA)
    objects.fail("busy", "stall")

    async def use(fetcher: Fetcher) -> None:
        fetcher.hint(busy, 0, 4096)  # takes the only turn for what is fetched ahead
        await objects.asked.wait()
        fetcher.hint(wanted, 0, 4096)
        await _let_it_work()
        assert len(objects.requests) == 1
        assert await fetcher.read(wanted, 64 << 10, 65 << 10) is None

    run(use, Limits(ahead=1, stall_seconds=30.0, hedge_seconds=60.0))


@pytest.mark.parametrize("faults", [("transient",), ("truncated",), ("transient", "truncated", "transient")])
def test_a_failure_that_may_pass_is_repeated_and_nothing_of_it_kept(
    objects: FakeObjects, cache: Cache, run: Callable[..., None], faults: tuple[str, ...]
) -> None:
    remote = objects.put("a", _DATA[:40_000])
    objects.fail("a", *faults)

    async def use(fetcher: Fetcher) -> None:
        assert await fetcher.read(remote, 0, 40_000) is None

    run(use)
    assert _cached(cache, remote, 0, 40_000) == _DATA[:40_000]
    assert len(objects.requests) == len(faults) + 1


def test_a_request_that_stalls_is_overtaken_by_a_second_one(objects: FakeObjects, run: Callable[..., None]) -> None:
    remote = objects.put("a", _DATA[:40_000])
    objects.fail("a", "stall")

    async def use(fetcher: Fetcher) -> None:
        await asyncio.wait_for(fetcher.read(remote, 0, 40_000), 30.0)
        assert fetcher.hedges == 1

    run(use, Limits(stall_seconds=1.0, hedge_seconds=0.02))
    assert len(objects.requests) == 2


def test_a_request_that_fails_for_good_is_not_repeated(
    objects: FakeObjects, cache: Cache, run: Callable[..., None]
) -> None:
    refused, changed, gone = (objects.put(name, _DATA[:40_000]) for name in ("refused", "changed", "gone"))
    objects.fail("refused", "refused")
    objects.put("changed", _DATA[1:40_001])
    (objects.directory / "gone").unlink()

    async def use(fetcher: Fetcher) -> None:
        with pytest.raises(SourceError, match="access denied"):
            await fetcher.read(refused, 0, 10)
        with pytest.raises(ReferenceChangedError):
            await fetcher.read(changed, 0, 10)
        with pytest.raises(ReferenceGoneError):
            await fetcher.read(gone, 0, 10)
        with pytest.raises(ReferenceChangedError):
            await fetcher.read(changed, 0, 0)

    run(use)
    assert [name for name, _start, _end in objects.requests] == ["refused", "changed", "gone", "changed"]
    assert [cache.open(remote) for remote in (refused, changed, gone)] == [None] * 3


def test_a_server_that_is_down_fails_within_the_time_and_then_at_once_until_it_is_back(
    objects: FakeObjects, run: Callable[..., None]
) -> None:
    remote = objects.put("a", _DATA[:40_000])

    async def use(fetcher: Fetcher) -> None:
        objects.fail("a", *["transient"] * 1000)
        with pytest.raises(SourceError, match=r"gave up after .*503"):
            await fetcher.read(remote, 0, 10)
        asked = len(objects.requests)
        with pytest.raises(SourceError, match=r"gave up after 0\.\d+ s"):
            await fetcher.read(remote, 0, 10)
        assert asked < len(objects.requests) < 2 * asked
        objects.fail("a")
        assert await fetcher.read(remote, 0, 10) is None

    run(use, _QUICK)


def test_an_object_that_stalls_with_many_readers_leaves_the_others_their_turns(
    objects: FakeObjects, run: Callable[..., None]
) -> None:
    stalled = objects.put("stalled", _DATA)
    others = [objects.put(str(number), _DATA[number : number + 40_000]) for number in range(50)]
    objects.fail("stalled", *["stall"] * 1000)

    async def use(fetcher: Fetcher) -> None:
        waiting = [asyncio.create_task(fetcher.read(stalled, at, at + 1)) for at in range(0, 16 * _MIB, _MIB // 2)]
        await _let_it_work()
        assert sum(name == "stalled" for name, _start, _end in objects.requests) == 4
        for other in others:
            assert await fetcher.read(other, 0, 10) is None
        assert not any(task.done() for task in waiting)

    run(use, Limits(demand=8, per_object=4, gap=0, stall_seconds=30.0, hedge_seconds=30.0))


def test_no_more_requests_fly_than_the_limit_says(objects: FakeObjects, run: Callable[..., None]) -> None:
    remotes = [objects.put(str(number), _DATA[number : number + 20_000]) for number in range(100)]
    for number in range(100):
        objects.fail(str(number), 0.005)

    async def use(fetcher: Fetcher) -> None:
        await asyncio.gather(*(fetcher.read(remote, 0, 10) for remote in remotes))

    run(use, Limits(demand=7, hedge_seconds=60.0))
    assert objects.most_at_a_time == 7
    assert len(objects.requests) == 100


def test_where_the_cache_has_no_room_bytes_are_given_from_memory(objects: FakeObjects, tmp_path: Path) -> None:
    remote = objects.put("a", _DATA)

    async def main() -> None:
        with Cache(tmp_path / "small", 64 << 10) as small:
            fetcher = Fetcher(objects, small, _PATIENT)
            for at in range(0, 4 * _MIB, _MIB):
                assert await fetcher.read(remote, at + 5, at + _MIB) == _DATA[at + 5 : at + _MIB]
            await fetcher.close()

    asyncio.run(main())


def test_a_damaged_block_is_fetched_again(objects: FakeObjects, cache: Cache, run: Callable[..., None]) -> None:
    remote = objects.put("a", _DATA)

    async def use(fetcher: Fetcher) -> None:
        await fetcher.read(remote, 0, 64 << 10)
        (path,) = [path for path in (cache.directory / "objects").rglob("*") if path.is_file()]
        with path.open("r+b") as file:
            file.seek(20_000)
            file.write(b"\0damage\0")
        assert _cached(cache, remote, 0, 64 << 10) is None
        before = len(objects.requests)
        await fetcher.read(remote, 0, 64 << 10)
        assert objects.requests[before:] == [("a", 16 << 10, 32 << 10)]

    run(use, _NOTHING_AHEAD)
    assert _cached(cache, remote, 0, 64 << 10) == _DATA[: 64 << 10]


async def _let_it_work() -> None:
    """Let the fetcher do all that it can do without an answer."""
    for _step in range(100):
        await asyncio.sleep(0)


def _cached(cache: Cache, remote: RemoteObject, start: int, end: int) -> bytes | None:
    opened = cache.open(remote)
    if opened is None:
        return None
    with opened:
        data = opened.read(start, end)
        return None if data is None else bytes(data)
