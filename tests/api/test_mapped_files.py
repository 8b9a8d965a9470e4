"""Stores into a mapping move no times: what is logged is what the file has, however often and by whatever way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import artfs
from artfs.catalog import NewVersion
from artfs.names import parse_artifact_name
from artfs.store import Store, open_store
from artfs.store.write.scan import scan
from artfs.store.write.statcache import StatCache
from tests.support.libc import SharedMapping

_OLD_NS = 10_000_000_000


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store; walks see files as ten seconds old, by the system's clock."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + _OLD_NS)
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data/sub").mkdir(parents=True)
    (tmp_path / "data/sub/values").write_bytes(bytes(8192))
    os.link(tmp_path / "data/sub/values", tmp_path / "data/linked")
    (tmp_path / "data/still").write_bytes(b"unchanged")
    return tmp_path / "data"


def _put(store: Store, folder: Path) -> None:
    store.put([folder], NewVersion(parse_artifact_name("m")))


def _add_dir(store: Store, folder: Path) -> None:
    artifact = artfs.Artifact("m", store=store)
    artifact.add_dir(folder)
    artifact.save()


def _log_directory(store: Store, folder: Path) -> None:
    with artfs.init(store=store) as run:
        run.log_artifact(folder, name="m")


_WAYS = pytest.mark.parametrize("log", [_put, _add_dir, _log_directory])


def _first_bytes(store: Store) -> set[int]:
    latest = artfs.Api(store).artifact("m")
    return {latest.open(name).read(1)[0] for name in ("sub/values", "linked")}


@_WAYS
def test_a_mapped_file_is_logged_as_it_is_each_time(
    store: Store, folder: Path, log: Callable[[Store, Path], None]
) -> None:
    log(store, folder)
    with SharedMapping(folder / "sub/values") as mapped:
        for value in (1, 2, 3):
            mapped.store(value)
            log(store, folder)
            assert _first_bytes(store) == {value}
        mapped.store(4)
    for _repeated in range(2):
        log(store, folder)
        assert _first_bytes(store) == {4}


@_WAYS
def test_a_file_mapped_after_it_was_remembered_is_read_again(
    store: Store, folder: Path, log: Callable[[Store, Path], None]
) -> None:
    with SharedMapping(folder / "sub/values") as mapped:
        mapped.store(1)
    log(store, folder)
    assert _first_bytes(store) == {1}
    with ExitStack() as mappings:
        mapped = mappings.enter_context(SharedMapping(folder / "linked"))
        _wait_for_a_later_time(folder / "linked")
        mapped.store(2)
        log(store, folder)
        assert _first_bytes(store) == {2}


def _wait_for_a_later_time(file: Path) -> None:
    other = file.parents[1] / "clock"
    while True:
        other.write_bytes(b"")
        if os.stat(other).st_mtime_ns > os.stat(file).st_ctime_ns:
            return


def test_a_record_of_earlier_rules_is_not_believed(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(store, folder)
    monkeypatch.setattr("artfs.store.write.statcache._RULES", 1)
    _put(store, folder)  # nothing changed: the records stay
    (folder / "still").write_bytes(b"changed")
    _put(store, folder)
    monkeypatch.undo()
    top = scan(os.fsencode(folder))
    changed = StatCache(store.catalog).fill_unchanged(top)
    assert {file.name for file in changed} == {b"still", b"linked"}
