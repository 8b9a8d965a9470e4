"""Every object store keeps the same contract: in memory, in a directory, in buckets of S3, GCS and Azure."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from artfs.errors import IntegrityError, InvalidInputError
from artfs.remotes import DirectoryRemote, Remote, check_conditions, open_remote
from tests.support.models.memoryremote import MemoryRemote
from tests.support.objects.sources import s3_environment


@pytest.fixture(params=["memory", "directory", "seaweedfs", "moto"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param == "memory":
        return MemoryRemote()
    if request.param == "directory":
        return DirectoryRemote(tmp_path / "store")
    environment = s3_environment(request.getfixturevalue(request.param), tmp_path)
    return open_remote(f"s3://tests/{secrets.token_hex(8)}", environment)


def test_an_object_is_created_once_and_stays_as_it_is(remote: Remote) -> None:
    assert remote.get("journal/1") is None
    assert remote.create("journal/1", b"first")
    assert not remote.create("journal/1", b"second")
    assert not remote.create("journal/1", b"first")
    assert remote.get("journal/1") == b"first"


def test_of_those_that_create_one_name_at_once_exactly_one_wins(remote: Remote) -> None:
    with ThreadPoolExecutor(8) as threads:
        for number in range(2):
            barrier = Barrier(8)

            def create(body: bytes, name: str = f"journal/{number}", barrier: Barrier = barrier) -> bool:
                barrier.wait()
                return remote.create(name, body)

            bodies = [b"%d" % racer for racer in range(8)]
            answers = list(threads.map(create, bodies))
            assert [body for body, won in zip(bodies, answers, strict=True) if won] == [remote.get(f"journal/{number}")]


def test_a_range_is_read_exactly_or_not_at_all(remote: Remote) -> None:
    data = secrets.token_bytes(100_000)
    remote.put("packs/ab/one.pack", data)
    assert remote.get("packs/ab/one.pack") == data
    assert remote.get("packs/ab/one.pack", 7, 70_000) == data[7:70_000]
    assert remote.get("packs/ab/one.pack", 99_999, 100_000) == data[-1:]
    assert remote.get("packs/ab/other.pack", 0, 1) is None
    for start, end in ((99_990, 100_001), (100_000, 100_001)):
        with pytest.raises(IntegrityError):
            remote.get("packs/ab/one.pack", start, end)


def test_an_empty_object_is_an_object(remote: Remote) -> None:
    assert remote.create("inbox/empty", b"")
    assert remote.get("inbox/empty") == b""
    assert not remote.create("inbox/empty", b"x")


def test_what_is_put_again_is_as_it_was(remote: Remote) -> None:
    for _time in range(2):
        remote.put("packs/ab/one.pack", b"the same")
    assert remote.get("packs/ab/one.pack") == b"the same"
    assert not remote.create("packs/ab/one.pack", b"another")


def test_a_list_has_the_names_in_order_from_where_one_wants_it(remote: Remote) -> None:
    names = [f"journal/{number:05d}" for number in (1, 2, 9, 10, 11, 100)]
    for name in [*reversed(names), "journals/00001", "packs/ab/00001.pack"]:
        remote.put(name, b"x" * len(name))
    listed = list(remote.list("journal/"))
    assert [found.name for found in listed] == names
    assert [found.size for found in listed] == [len(name) for name in names]
    assert all(found.modified_ns > 10**18 for found in listed)
    for at, name in enumerate(names):
        assert [found.name for found in remote.list("journal/", name)] == names[at + 1 :]
    assert next(remote.list("journal/", "journal/00005")).name == "journal/00009"
    assert [found.name for found in remote.list("packs/")] == ["packs/ab/00001.pack"]
    assert list(remote.list("nothing/")) == []


def test_what_is_deleted_is_gone_and_need_not_have_been(remote: Remote) -> None:
    remote.put("probe/one", b"one")
    for _time in range(2):
        remote.delete("probe/one")
        assert remote.get("probe/one") is None
    assert list(remote.list("probe/")) == []


def test_only_names_of_artfs_are_ever_asked_for(remote: Remote) -> None:
    for name in ("", "/etc/passwd", "../x", "packs/../../x", "packs//x", "a/.hidden", "Journal", "x" * 300):
        with pytest.raises(InvalidInputError):
            remote.put(name, b"")
        with pytest.raises(InvalidInputError):
            remote.get(name)


def test_a_store_that_keeps_the_condition_passes_the_probe(remote: Remote) -> None:
    check_conditions(remote)
    assert {found.name.partition("/")[0] for found in remote.list("probe/")} == {"probe"}
