"""Which files are trusted to show a later change in size or times."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.files.later_changes import LaterChanges
from tests.support.libc import SharedMapping


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.npy"
    path.write_bytes(bytes(8192))
    return path


def _will_show(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return LaterChanges().will_show(descriptor, os.fstat(descriptor))
    finally:
        os.close(descriptor)


def _no_leases(number: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Refuse every lease; return the list of the leases that were refused."""
    refused: list[int] = []

    def refusing(_descriptor: int, command: int, argument: int) -> int:
        if command == fcntl.F_SETLEASE:
            refused.append(argument)
            ctypes.set_errno(number)
            return -1
        return 0

    monkeypatch.setattr("artfs.files.later_changes._fcntl", lambda: refusing)
    return refused


def _shows_a_store(mapped: SharedMapping, path: Path, value: int) -> bool:
    before = os.stat(path)
    mapped.store(value)
    return (before.st_mtime_ns, before.st_ctime_ns) != (os.stat(path).st_mtime_ns, os.stat(path).st_ctime_ns)


def test_a_file_that_nobody_writes_is_trusted(file: Path) -> None:
    assert _will_show(file)
    with file.open("rb"):
        assert _will_show(file)


def test_a_file_that_is_open_for_writing_is_not_trusted(file: Path) -> None:
    with file.open("ab"):
        assert not _will_show(file)
    assert _will_show(file)


def test_a_mapping_whose_descriptor_is_closed_is_seen(file: Path) -> None:
    with SharedMapping(file):
        assert not _will_show(file)
    assert _will_show(file)


def test_a_file_that_another_process_has_open_for_writing_is_not_trusted(file: Path) -> None:
    program = f"exec 3>>'{file}'; echo open; read line"
    with subprocess.Popen(["sh", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not _will_show(file)
    assert _will_show(file)


def test_a_hard_link_of_a_mapped_file_is_not_trusted(file: Path) -> None:
    os.link(file, file.with_name("link"))
    with SharedMapping(file):
        assert not _will_show(file.with_name("link"))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EINVAL])
def test_without_leases_dirty_pages_are_written_out_and_the_next_store_shows(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refused = _no_leases(number, monkeypatch)
    with SharedMapping(file) as mapped:
        mapped.store(1)
        assert not _shows_a_store(mapped, file, 2)
        assert _will_show(file)
        _next_tick(file)
        assert _shows_a_store(mapped, file, 3)
    assert refused == [fcntl.F_RDLCK]


def _next_tick(file: Path) -> None:
    """Wait until the file system's clock has gone on since a file's last change."""
    other = file.with_name("tick")
    while True:
        other.write_bytes(b"")
        if os.stat(other).st_mtime_ns > os.stat(file).st_mtime_ns:
            return


def test_where_pages_cannot_be_written_out_nothing_is_trusted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def failing(descriptor: int) -> None:
        asked.append(descriptor)
        raise OSError(errno.EIO, "injected")

    _no_leases(errno.EACCES, monkeypatch)
    monkeypatch.setattr("artfs.files.later_changes.write_out", failing)
    assert not _will_show(file)
    assert len(asked) == 1


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "memory").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path / "memory"], check=True)
    yield tmp_path / "memory"
    subprocess.run(["umount", tmp_path / "memory"], check=True)


def test_no_file_of_a_tmpfs_is_trusted(tmpfs: Path) -> None:
    (tmpfs / "x").write_bytes(b"x")
    assert not _will_show(tmpfs / "x")


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Path]:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "none", tmp_path / "merged"], check=True)
    yield tmp_path / "merged"
    subprocess.run(["umount", tmp_path / "merged"], check=True)


def test_on_an_overlay_small_files_are_not_trusted_and_large_ones_are_synced(overlay: Path) -> None:
    small, large = overlay / "small", overlay / "large"
    small.write_bytes(b"x")
    large.write_bytes(bytes(1 << 20))
    assert not _will_show(small)
    with SharedMapping(large) as mapped:
        mapped.store(1)
        assert not _shows_a_store(mapped, large, 2)
        assert _will_show(large)
        _next_tick(large)
        assert _shows_a_store(mapped, large, 3)
