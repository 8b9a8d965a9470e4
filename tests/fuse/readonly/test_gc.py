"""A gc beside mounts: readers go on reading, and a commit is whole."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import ROOT
from tests.support.mounts.stagedstore import StagedStore


def _source(top: Path, seed: int) -> tuple[Path, bytes]:
    source = top / f"source-{seed}"
    source.mkdir()
    data = random.Random(seed).randbytes(3_000_000)
    (source / "data").write_bytes(data)
    return source, data


def _read_cold(descriptor: int, offset: int, size: int) -> bytes:
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    return os.pread(descriptor, size, offset)


def test_an_open_file_of_a_deleted_version_reads_on_and_its_space_goes_when_it_is_closed(own: MountedStore) -> None:
    source, data = _source(own.top, 1)
    own.put(source, name="animals")
    own.mount("--workers", "3")
    for _ in range(20):  # opened by one worker and closed by another, as it happens
        assert (own.mountpoint / "animals" / "v0" / "data").read_bytes() == data
    descriptor = os.open(own.mountpoint / "animals" / "v0" / "data", os.O_RDONLY)
    try:
        own.done("rm", "animals:v0")
        report = own.json("gc", "--now")
        assert (report["removed"], report["freed"]) == (["animals:v0"], 0)
        assert own.packed() > len(data)
        assert all(
            _read_cold(descriptor, at, 100_000) == data[at : at + 100_000] for at in range(0, len(data), 100_000)
        )
    finally:
        os.close(descriptor)
    freed = 0
    for _ in range(100):  # the kernel tells of the close when it likes
        freed += own.json("gc", "--now")["freed"]
        if freed:
            break
    assert freed > len(data)
    assert own.packed() == 0


def test_a_version_that_gc_took_cannot_be_opened_by_a_path_that_was_known(own: MountedStore) -> None:
    source, data = _source(own.top, 1)
    other, kept = _source(own.top, 2)
    own.put(source, name="animals")
    own.put(other, name="animals")
    own.mount()
    directory = os.open(own.mountpoint / "animals" / "v0", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert "data" in os.listdir(directory)
        own.done("rm", "animals:v0")
        assert own.json("gc", "--now")["freed"] > len(data)
        with pytest.raises(OSError, match=os.strerror(errno.ESTALE)):
            os.open("data", os.O_RDONLY, dir_fd=directory)
    finally:
        os.close(directory)
    assert (own.mountpoint / "animals" / "v1" / "data").read_bytes() == kept


def test_a_file_whose_pack_is_rewritten_is_read_on(own: MountedStore) -> None:
    source, data = _source(own.top, 1)
    (source / "more").write_bytes(random.Random(3).randbytes(3_000_000))
    own.put(source, name="animals")
    (source / "more").unlink()
    own.put(source, name="animals")
    own.mount()
    with open(own.mountpoint / "animals" / "v1" / "data", "rb", buffering=0) as file:
        assert _read_cold(file.fileno(), 0, 100_000) == data[:100_000]
        own.done("rm", "animals:v0")
        assert own.json("gc", "--now")["freed"] > 2_900_000
        assert all(
            _read_cold(file.fileno(), at, 1 << 17) == data[at : at + (1 << 17)] for at in range(0, len(data), 1 << 17)
        )
    assert own.troubles() == []


def _done(store: Path, *arguments: str) -> None:
    line = [sys.executable, "-m", "artfs.cli", "--store", os.fspath(store), *arguments]
    subprocess.run(line, cwd=ROOT, capture_output=True, timeout=120, check=True)


def test_a_gc_beside_an_open_draft_keeps_what_its_commit_needs(tmp_path: Path) -> None:
    with StagedStore(tmp_path) as staged:
        staged.mount()
        draft = staged.stage("animals")
        expected = {}
        for number in range(30):
            expected[f"{number}"] = random.Random(number).randbytes(40_000 * (1 + number % 9))
            (draft / f"{number}").write_bytes(expected[f"{number}"])
            if number % 10 == 5:
                _done(staged.store, "gc", "--now")
        first = staged.commit(draft)
        (draft / "0").write_bytes(b"other")
        expected["0"] = b"other"
        _done(staged.store, "rm", first)
        _done(staged.store, "gc", "--now")
        (draft / "1").unlink()
        del expected["1"]
        _done(staged.store, "gc", "--now")
        found = {path.name: path.read_bytes() for path in draft.iterdir() if path.is_file()}
        assert found == expected
        second = staged.commit(draft)
        _done(staged.store, "gc", "--now")
        out = tmp_path / "out"
        _done(staged.store, "get", second, str(out))
        assert {path.name: path.read_bytes() for path in out.iterdir()} == expected
        _done(staged.store, "fsck", "--read-data")
