"""Many machines commit to the catalog of one store at a URL: each change once, in one chain."""

from __future__ import annotations

import random
import secrets
import signal
from pathlib import Path

import pytest

from artfs.catalog.publish import FaultPoint
from artfs.catalog.remote_journal import RemoteJournal
from artfs.errors import IntegrityError, OutcomeUnknownError, StoreUnreachableError
from artfs.remotes import CommitLog, open_remote
from tests.support.data.catalogs import check, log, rows_of
from tests.support.data.machines import Machine, versions_and_authors
from tests.support.faults.faultyremote import FaultyRemote
from tests.support.models.memoryremote import MemoryRemote
from tests.support.objects.sources import s3_environment
from tests.support.torture.machines import commit_at_once, start_machine


@pytest.fixture(params=["directory", "moto"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "directory":
        return f"file://{tmp_path}/store"
    for name, value in s3_environment(request.getfixturevalue("moto"), tmp_path).items():
        monkeypatch.setenv(name, value)
    return f"s3://tests/{secrets.token_hex(8)}"


def test_machines_that_commit_at_once_over_a_failing_network_give_each_version_once(url: str, tmp_path: Path) -> None:
    commit_at_once(url, tmp_path, machines=8, commits=3, seed=1)


@pytest.mark.parametrize("point", [FaultPoint.APPLIED, FaultPoint.SYNCED, FaultPoint.COMMITTED])
def test_a_commit_that_is_killed_is_whole_or_nothing_and_the_machine_goes_on(tmp_path: Path, point: FaultPoint) -> None:
    url = f"file://{tmp_path}/store"
    remote = open_remote(url, {})
    with Machine(tmp_path / "other", remote).open() as catalog:
        log(catalog, contents="first", aliases=["best"], description="other")
    killed = start_machine("kill", url, str(tmp_path / "mine"), point.name)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    with Machine(tmp_path / "mine", remote).open() as catalog:
        log(catalog, contents="after", aliases=["best"], description="mine")
        assert check(catalog) == []
    committed = [] if point is FaultPoint.APPLIED else ["killed"]
    authors = [author for _index, author in versions_and_authors(tmp_path / "new", remote)]
    assert authors == ["other", *committed, "mine"]


def test_replicas_of_one_store_have_the_same_rows(tmp_path: Path) -> None:
    remote = MemoryRemote()
    with Machine(tmp_path / "a", remote).open() as one, Machine(tmp_path / "b", remote).open() as two:
        for number in range(5):
            log(one if number % 2 else two, contents=str(number))
        for catalog in (one, two):
            log(catalog, contents=catalog.environment.path.parent.name)
        assert isinstance(one.journal, RemoteJournal)
        assert one.journal.pull() == 1
    with Machine(tmp_path / "a", remote).open() as one, Machine(tmp_path / "b", remote).open() as two:
        assert rows_of(one.environment) == rows_of(two.environment)
        assert check(one) == check(two) == []


def test_a_machine_that_is_far_behind_lists_what_it_lacks(tmp_path: Path) -> None:
    remote = MemoryRemote()
    with Machine(tmp_path / "a", remote).open() as catalog:
        for number in range(50):
            log(catalog, contents=str(number), description="a", aliases=["best"])
    assert [index for index, _author in versions_and_authors(tmp_path / "b", remote)] == list(range(50))


def test_records_that_were_deleted_or_written_over_stop_every_writer(tmp_path: Path) -> None:
    remote = MemoryRemote()
    with Machine(tmp_path / "a", remote).open() as catalog:
        for number in range(3):
            log(catalog, contents=str(number))
    remote.delete(f"journal/{3:020d}")
    with Machine(tmp_path / "b", remote).open() as other:
        log(other, contents="in the place of another")
        log(other, contents="and after it")
    with Machine(tmp_path / "a", remote).open() as catalog, pytest.raises(IntegrityError, match="two histories"):
        log(catalog, contents="after")


def test_a_flipped_bit_in_a_record_is_refused(tmp_path: Path) -> None:
    remote = MemoryRemote()
    with Machine(tmp_path / "a", remote).open() as catalog:
        log(catalog)
    name = f"journal/{1:020d}"
    data = bytearray(remote.objects[name][0])
    for at in (0, 5, 40, 60, len(data) - 1):
        damaged = bytes(data[:at]) + bytes([data[at] ^ 1]) + bytes(data[at + 1 :])
        remote.put(name, damaged)
        with Machine(tmp_path / f"b{at}", remote).open() as other, pytest.raises(IntegrityError, match="record 1"):
            log(other)


class _Gone(FaultyRemote):
    """A network that breaks down when something is created: before, or after the server did it."""

    happens = False
    broken = False

    def create(self, name: str, data: bytes) -> bool:
        if self.happens:
            self._remote.create(name, data)
        self.broken = True
        raise StoreUnreachableError("no answer")

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        if self.broken:
            raise StoreUnreachableError("no answer")
        return super().get(name, start, end)


@pytest.mark.parametrize("happens", [True, False])
def test_a_commit_without_any_answer_says_that_nobody_knows_and_the_next_one_finds_out(
    tmp_path: Path, *, happens: bool
) -> None:
    memory = MemoryRemote()
    gone = _Gone(memory, random.Random(0))
    gone.happens = happens
    with (
        Machine(tmp_path / "a", gone, patience_s=0).open() as catalog,
        pytest.raises(OutcomeUnknownError, match="record 1 of memory://store"),
    ):
        log(catalog, contents="perhaps")
    with Machine(tmp_path / "a", memory).open() as catalog:
        assert log(catalog, contents="surely").version.index == int(happens)


def test_two_writers_never_take_each_other_s_record_for_their_own() -> None:
    remote = MemoryRemote()
    one, two = CommitLog(remote), CommitLog(remote)
    assert one.append(1, b"record of one") is None
    assert two.append(1, b"record of two") == b"record of one"
    assert one.append(1, b"record of one") is None
