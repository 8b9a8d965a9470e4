"""Both kinds of environment keep the same rules: one open per process, synced commits, and none after a failed one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import lmdb
import pytest

from artfs.catalog import IndexEnvironment
from artfs.drafts.db.database import RowsEnvironment
from artfs.errors import IntegrityError, ReadOnlyStoreError, StorageError, StoreError
from artfs.kv import environment as kv_environment
from artfs.kv.environment import Environment
from artfs.kv.mdb_file import bytes_missing

ROOT: Final = Path(__file__).parents[2]
KINDS: Final[dict[str, type[Environment]]] = {"index": IndexEnvironment, "rows": RowsEnvironment}


def reopen(environment: Environment) -> Environment:
    return type(environment)(environment.path)


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environment]:
    with KINDS[request.param](tmp_path, create=True) as environment:
        yield environment


def put(environment: Environment, key: bytes, value: bytes = b"") -> None:
    txn = environment.begin_write()
    txn.put(key, value)
    environment.commit(txn)


def test_what_is_committed_is_read_by_the_next_process(opened: Environment) -> None:
    put(opened, b"a", b"1")
    before = opened.snapshot_id()
    with opened.read() as txn:
        assert txn.get(b"a") == b"1"
    put(opened, b"a", b"2")
    assert opened.snapshot_id() == before + 1
    opened.close()
    with reopen(opened) as again, again.read() as txn:
        assert txn.get(b"a") == b"2"


def test_an_environment_is_not_usable_in_a_child_that_its_parent_forked(opened: Environment) -> None:
    put(opened, b"a", b"1")
    child = os.fork()
    if not child:
        os._exit(_use_inherited(opened))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    put(opened, b"b")


def _use_inherited(inherited: Environment) -> int:
    try:
        for begin in (inherited.begin_read, inherited.begin_write):
            with pytest.raises(StoreError, match="before a fork"):
                begin()
        inherited.close()
        with reopen(inherited) as own, own.read() as txn:
            return 0 if txn.get(b"a") == b"1" else 1
    except BaseException:  # noqa: BLE001 - a child must never run on in the parent's test
        return 99


_READER = """
import sys
from pathlib import Path
from artfs.catalog import IndexEnvironment
txn = IndexEnvironment(Path(sys.argv[1])).begin_read()
print("reads", flush=True)
sys.stdin.read()
"""


def test_pages_that_a_killed_reader_kept_are_used_again_after_the_next_commit(opened: Environment) -> None:
    put(opened, b"a")
    command = [sys.executable, "-c", _READER, str(opened.path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        reader.kill()
    for number in range(30):
        put(opened, b"a", b"%d" % number * 20_000)
    assert (opened.path / "data.mdb").stat().st_size < 1 << 20


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_after_a_failed_commit_nothing_is_written_any_more_and_the_cause_is_reported(
    opened: Environment, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """LMDB calls a write that a full disk cut short EIO: a quota is found as well as a full disk."""
    failed = lmdb.Error("mdb_txn_commit")
    vars(failed)["code"] = errno.EIO

    def fail(*_arguments: object, **_more: object) -> Any:
        raise failed

    def refuse(_descriptor: int, _offset: int, _size: int) -> None:
        if number != errno.EIO:
            raise OSError(number, "refused")

    put(opened, b"a", b"1")
    txn = opened.begin_write()
    txn.put(b"a", b"2")
    with monkeypatch.context() as patch:
        patch.setattr(kv_environment, "sized_commit", fail)
        patch.setattr(os, "posix_fallocate", refuse)
        with pytest.raises((StorageError, OSError)) as caught:
            opened.commit(txn)
    txn.abort()
    assert isinstance(caught.value, StorageError if isinstance(opened, IndexEnvironment) else OSError)
    assert getattr(caught.value, "errno", 0) == number
    assert not (opened.path / "room").exists()
    with pytest.raises(ReadOnlyStoreError):
        opened.begin_write()
    with opened.read() as txn:
        assert txn.get(b"a") == b"1"


def test_a_file_that_a_commit_leaves_too_short_is_made_longer(
    opened: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Allocated where others write too, since a truncation could cut off what they have written meanwhile."""
    calls: list[str] = []

    def counted(name: str) -> None:
        system = getattr(os, name)

        def call(*arguments: Any) -> Any:
            calls.append(name)
            return system(*arguments)

        monkeypatch.setattr(os, name, call)

    counted("truncate")
    counted("posix_fallocate")
    for key in (b"a", b"b", b"c"):
        put(opened, key)
    assert calls == []
    txn = opened.begin_write()
    txn.put(b"large", bytes(1 << 20))
    txn.delete(b"large")
    opened.commit(txn)
    assert calls == ["truncate" if opened.single_writer else "posix_fallocate"]
    with (opened.path / "data.mdb").open("rb") as file:
        assert bytes_missing(file.fileno(), opened.errors) <= 0


def test_an_empty_file_is_made_an_environment_only_if_one_is_to_be_made(opened: Environment) -> None:
    opened.close()
    (opened.path / "data.mdb").write_bytes(b"")
    with pytest.raises(IntegrityError, match="no LMDB header"):
        reopen(opened)
    with type(opened)(opened.path, create=True) as made:
        put(made, b"a")


def test_an_environment_that_was_opened_for_reading_is_not_written(opened: Environment) -> None:
    put(opened, b"a", b"1")
    opened.close()
    with type(opened)(opened.path, readonly=True) as readonly:
        with readonly.read() as txn:
            assert txn.get(b"a") == b"1"
        with pytest.raises((StoreError, StorageError, OSError)):
            readonly.begin_write()


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of a few MiB, as under a limit of the address space."""
    monkeypatch.setattr(kv_environment, "is_limited", lambda: True)
    monkeypatch.setattr(kv_environment, "map_size", lambda data: data + (4 << 20))
    monkeypatch.setattr(kv_environment, "LEAST_ROOM", 3 << 20)


def fill(environment: Environment) -> None:
    for number in range(40):
        txn = environment.begin_write()
        try:
            txn.put(b"%d" % number, bytes(1 << 19))
            environment.commit(txn)
        finally:
            txn.abort()


def fill_in_another_process(path: Path) -> None:
    child = os.fork()
    if not child:
        try:
            with IndexEnvironment(path) as own:
                fill(own)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("kind", KINDS.values())
@pytest.mark.usefixtures("limited")
def test_where_addresses_are_limited_the_map_grows_with_the_file(kind: type[Environment], tmp_path: Path) -> None:
    with kind(tmp_path, create=True) as environment:
        fill(environment)
        assert (tmp_path / "data.mdb").stat().st_size > 20 << 20
        with environment.read() as txn:
            assert all(txn.get(b"%d" % number) == bytes(1 << 19) for number in range(40))


@pytest.mark.usefixtures("limited")
def test_a_small_map_follows_a_file_that_another_process_made_longer(tmp_path: Path) -> None:
    with IndexEnvironment(tmp_path, create=True) as environment:
        put(environment, b"a", b"1")
        fill_in_another_process(tmp_path)
        with environment.read() as txn:
            assert txn.get(b"39") == bytes(1 << 19)


@pytest.mark.usefixtures("limited")
def test_a_map_is_not_replaced_under_an_open_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kv_environment, "_WAIT_SECONDS", 0.05)
    with IndexEnvironment(tmp_path, create=True) as environment:
        put(environment, b"a", b"1" * 4096)
        txn = environment.begin_read()
        with pytest.raises(lmdb.MapFullError):
            fill(environment)
        assert txn.get(b"a") == b"1" * 4096
        txn.abort()
        fill(environment)


@pytest.mark.usefixtures("limited")
def test_a_map_that_the_system_refuses_is_an_error_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with IndexEnvironment(tmp_path, create=True) as environment:
        put(environment, b"a")
        fill_in_another_process(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(kv_environment, "has_addresses", lambda _size: False)
            with pytest.raises(StorageError, match="Cannot allocate memory"):
                environment.begin_read()
        with environment.read() as txn:
            assert txn.get(b"39") == bytes(1 << 19)
