"""The cache of objects: what it gives is proved, and it stays within its bound."""

from __future__ import annotations

import os
import random
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artfs.errors import StorageError
from artfs.files import writes
from artfs.objects import RemoteObject
from artfs.objects.cache import BLOCK_SIZE, Cache, cached_object

_MIB = 1 << 20
_SIZE = 5 * BLOCK_SIZE + 123
_DATA = random.Random(1).randbytes(_SIZE)
_REMOTE = RemoteObject("s3://bucket/a", _SIZE, etag="1")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache(tmp_path / "cache", 64 * _MIB) as opened:
        yield opened


def test_what_was_put_into_it_is_read_by_any_range(cache: Cache) -> None:
    assert cache.store(_REMOTE, 0, _DATA)
    for start in (0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, 3 * BLOCK_SIZE + 7, _SIZE - 1):
        for end in (start, start + 1, min(start + 2 * BLOCK_SIZE, _SIZE), _SIZE):
            assert _read(cache, start, end) == _DATA[start:end]


def test_a_range_of_which_a_block_is_absent_is_not_read_at_all(cache: Cache) -> None:
    assert _read(cache, 0, 1) is None
    assert cache.store(_REMOTE, BLOCK_SIZE, _DATA[BLOCK_SIZE : 2 * BLOCK_SIZE])
    assert cache.store(_REMOTE, 5 * BLOCK_SIZE, _DATA[5 * BLOCK_SIZE :])
    assert _read(cache, BLOCK_SIZE + 1, 2 * BLOCK_SIZE) == _DATA[BLOCK_SIZE + 1 : 2 * BLOCK_SIZE]
    assert _read(cache, BLOCK_SIZE - 1, BLOCK_SIZE + 1) is None
    assert _read(cache, 2 * BLOCK_SIZE - 1, 2 * BLOCK_SIZE + 1) is None
    assert _missing(cache) == [(0, BLOCK_SIZE), (2 * BLOCK_SIZE, 5 * BLOCK_SIZE)]


def test_a_flipped_bit_makes_its_block_absent(cache: Cache) -> None:
    assert cache.store(_REMOTE, 0, _DATA)
    with _file(cache).open("r+b") as file:
        file.seek(2 * BLOCK_SIZE + 99)
        flipped = file.read(1)[0] ^ 4
        file.seek(2 * BLOCK_SIZE + 99)
        file.write(bytes([flipped]))
    assert _read(cache, 2 * BLOCK_SIZE, 2 * BLOCK_SIZE + 1) is None
    assert _read(cache, 3 * BLOCK_SIZE, _SIZE) == _DATA[3 * BLOCK_SIZE :]
    assert _missing(cache) == []
    assert _missing(cache, prove=True) == [(2 * BLOCK_SIZE, 3 * BLOCK_SIZE)]
    assert cache.store(_REMOTE, 2 * BLOCK_SIZE, _DATA[2 * BLOCK_SIZE : 3 * BLOCK_SIZE])
    assert _read(cache, 0, _SIZE) == _DATA


def test_bytes_of_another_state_of_the_object_are_never_taken_for_it(cache: Cache) -> None:
    other = RemoteObject("s3://bucket/a", _SIZE, etag="2")
    assert cache.store(other, 0, _DATA)
    assert _read(cache, 0, _SIZE) is None
    path = _file(cache)
    name = _REMOTE.key().hex()
    (path.parent.parent / name[:2]).mkdir(exist_ok=True)
    path.rename(path.parent.parent / name[:2] / name[2:])
    assert _read(cache, 0, _SIZE) is None


def test_an_object_of_nothing_needs_nothing(cache: Cache) -> None:
    empty = RemoteObject("s3://bucket/empty", 0)
    assert cache.store(empty, 0, b"")
    opened = cache.open(empty)
    assert opened is not None
    with opened:
        assert opened.read(0, 0) == b""


@pytest.mark.parametrize("moment", ["before the bytes", "between", "within the bytes"])
def test_killed_while_it_is_written_it_gives_what_was_written_or_nothing(cache: Cache, moment: str) -> None:
    assert cache.store(_REMOTE, 0, _DATA[:BLOCK_SIZE])
    real = writes.pwrite_all
    calls = 0

    def die(descriptor: int, data: bytes, offset: int) -> None:
        nonlocal calls
        calls += 1
        if moment == "within the bytes":
            real(descriptor, data[: len(data) // 2], offset)
        if moment != "between" or calls == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        real(descriptor, data, offset)

    child = os.fork()
    if not child:
        vars(cached_object)["pwrite_all"] = die
        with Cache(cache.directory, 64 * _MIB) as mine:
            mine.store(_REMOTE, 0, _DATA)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert _read(cache, BLOCK_SIZE, 2 * BLOCK_SIZE) is None
    assert _read(cache, 0, BLOCK_SIZE) == _DATA[:BLOCK_SIZE]
    assert cache.store(_REMOTE, 0, _DATA)
    assert _read(cache, 0, _SIZE) == _DATA


def test_it_never_takes_more_than_its_budget_and_what_was_not_used_for_longest_goes(tmp_path: Path) -> None:
    data = random.Random(2).randbytes(_MIB)
    with Cache(tmp_path, 10 * _MIB) as cache:
        used_always = RemoteObject("s3://bucket/always", _MIB)
        assert cache.store(used_always, 0, data)
        for number in range(30):
            assert cache.store(_numbered(number), 0, data)
            os.utime(_file(cache, _numbered(number)), ns=(number + 1, number + 1))
            opened = cache.open(used_always)
            assert opened is not None
            opened.close()
            assert _disk_usage(tmp_path) <= 10 * _MIB
        left = [number for number in range(30) if _file(cache, _numbered(number)).exists()]
        assert left == list(range(left[0], 30))
        assert len(left) >= 7


def test_an_object_that_is_larger_than_it_is_read_in_parts(tmp_path: Path) -> None:
    large = RemoteObject("s3://bucket/large", 24 * _MIB)
    piece = random.Random(3).randbytes(_MIB)
    with Cache(tmp_path, 8 * _MIB) as cache:
        for start in range(0, large.size, _MIB):
            assert cache.store(large, start, piece)
            opened = cache.open(large)
            assert opened is not None
            with opened:
                assert opened.read(start, start + _MIB) == piece
                assert opened.read(max(0, start - _MIB), max(start, _MIB)) == piece
            assert _disk_usage(tmp_path) <= 8 * _MIB


def test_what_is_kept_stays_and_where_it_leaves_no_room_nothing_else_comes_in(tmp_path: Path) -> None:
    data = random.Random(4).randbytes(_MIB)
    with Cache(tmp_path, 4 * _MIB) as cache:
        for number in range(3):
            cache.keep(_numbered(number), True)
            assert cache.store(_numbered(number), 0, data)
        assert not cache.store(_numbered(3), 0, data)
        assert (cache.use().kept, cache.use().objects) == (3, 3)
        for number in range(3):
            opened = cache.open(_numbered(number))
            assert opened is not None
            with opened:
                assert opened.read(0, _MIB) == data
        cache.keep(_numbered(1), False)
        assert cache.clear(kept=False) >= _MIB
        assert cache.use().objects == 2
        cache.clear(kept=True)
        assert (cache.use().objects, cache.use().used_bytes, cache.counters.get()["used_bytes"]) == (0, 0, 0)


def test_a_reader_of_what_is_evicted_finds_nothing_and_its_room_is_free_at_once(cache: Cache) -> None:
    assert cache.store(_REMOTE, 0, _DATA)
    opened = cache.open(_REMOTE)
    assert opened is not None
    with opened:
        assert opened.read(0, _SIZE) == _DATA
        cache.clear(kept=False)
        assert opened.read(0, 1) is None
        assert not opened.is_in_place
    assert cache.store(_REMOTE, 0, _DATA)  # into a new file, not the one that it has open
    assert _read(cache, 0, _SIZE) == _DATA


def test_what_is_forgotten_is_absent_and_no_longer_counted_also_of_an_object_that_is_kept(cache: Cache) -> None:
    assert not cache.forget(_REMOTE)
    assert cache.store(_REMOTE, 0, _DATA)
    cache.keep(_REMOTE, True)
    assert cache.forget(_REMOTE)
    assert _read(cache, 0, _SIZE) is None
    assert cache.counters.get()["used_bytes"] == cache.use().used_bytes == 0
    assert cache.store(_REMOTE, 0, _DATA)
    assert _read(cache, 0, _SIZE) == _DATA


def test_a_full_disk_is_no_error_and_gives_nothing_wrong(cache: Cache) -> None:
    assert cache.store(_REMOTE, 0, _DATA[:BLOCK_SIZE])
    with _largest_file(3 * BLOCK_SIZE):
        assert not cache.store(_REMOTE, BLOCK_SIZE, _DATA[BLOCK_SIZE:])
    assert _read(cache, BLOCK_SIZE, _SIZE) is None
    used = cache.counters.get()["used_bytes"]
    assert used <= 2 * BLOCK_SIZE
    assert cache.store(_REMOTE, 0, _DATA)
    assert _read(cache, 0, _SIZE) == _DATA


def test_processes_write_side_by_side_and_together_stay_within_the_budget(tmp_path: Path) -> None:
    children = []
    for child in range(4):
        pid = os.fork()
        if not pid:
            with Cache(tmp_path, 6 * _MIB) as cache:
                stored = [
                    cache.store(_numbered(1000 * child + number), 0, random.Random(number).randbytes(256 << 10))
                    for number in range(25)
                ]
            os._exit(0 if all(stored) else 1)
        children.append(pid)
    for pid in children:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert _disk_usage(tmp_path) <= 6 * _MIB * 1.05
    with Cache(tmp_path, 6 * _MIB) as cache:
        assert cache.use().objects >= 15


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StorageError, match="is another user's: choose one with"):
        Cache(tmp_path)


def test_a_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"using the cache .*/file/cache: Not a directory"):
        Cache(tmp_path / "file" / "cache")


def _numbered(number: int) -> RemoteObject:
    return RemoteObject(f"s3://bucket/{number}", _MIB)


def _read(cache: Cache, start: int, end: int) -> bytes | None:
    opened = cache.open(_REMOTE)
    if opened is None:
        return None
    with opened:
        data = opened.read(start, end)
        return None if data is None else bytes(data)


def _missing(cache: Cache, *, prove: bool = False) -> list[tuple[int, int]]:
    opened = cache.open(_REMOTE)
    assert opened is not None
    with opened:
        return opened.missing(0, _SIZE, prove=prove)


def _file(cache: Cache, remote: RemoteObject | None = None) -> Path:
    if remote is None:
        (found,) = [path for path in (cache.directory / "objects").rglob("*") if path.is_file()]
        return found
    name = remote.key().hex()
    return cache.directory / "objects" / name[:2] / name[2:]


def _disk_usage(directory: Path) -> int:
    """Return what the objects of a cache take on the disk; directories, of 4 KiB each, are not the cache's."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """Let this process write no file beyond a size, for a block."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
