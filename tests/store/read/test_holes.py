"""Runs of zeros are holes again in the files that are written out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import artfs
from artfs.catalog import NewVersion
from artfs.names import parse_artifact_name
from artfs.store import open_store
from tests.support.data.sparse import SPARSE_BYTES, put_sparse

_CHUNK = 2 << 20
_DATA_AT = (3, 2000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    with open_store(tmp_path / "store", create=True) as opened:
        put_sparse(opened, "disk", data_at=_DATA_AT)
        put_sparse(opened, "zeros")
    yield tmp_path / "store"
    artfs.Api(tmp_path / "store").artifact("disk").store.close()


def _get(store: Path, name: str, out: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "artfs.cli", "--store", store, "get", name, out], check=False, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr


def _download(store: Path, name: str, out: Path) -> None:
    artfs.Api(store).artifact(name).download(out)


def _checkout(store: Path, name: str, out: Path) -> None:
    artfs.Api(store).artifact(name).checkout(out)


def _entry_download(store: Path, name: str, out: Path) -> None:
    artfs.Api(store).artifact(name).get_entry("sparse").download(out)


_WAYS = pytest.mark.parametrize("write_out", [_get, _download, _checkout, _entry_download])


def _data_ranges(path: Path) -> list[tuple[int, int]]:
    """The ranges of a file that are in no hole."""
    ranges: list[tuple[int, int]] = []
    end = 0
    with path.open("rb") as file:
        while True:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:
                return ranges
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            ranges.append((start, end))


@_WAYS
def test_a_sparse_file_is_written_with_its_holes(
    store: Path, tmp_path: Path, write_out: Callable[[Path, str, Path], None]
) -> None:
    write_out(store, "disk", tmp_path / "out")
    file = tmp_path / "out/sparse"
    assert file.stat().st_size == SPARSE_BYTES
    assert _data_ranges(file) == [(number * _CHUNK, (number + 1) * _CHUNK) for number in _DATA_AT]
    with file.open("rb") as opened:
        assert os.pread(opened.fileno(), _CHUNK + 2, 3 * _CHUNK - 1) == b"\0" + b"x" * _CHUNK + b"\0"
    write_out(store, "disk", tmp_path / "out")  # it is compared, and kept
    assert file.stat().st_blocks * 512 == 2 * _CHUNK


@_WAYS
def test_a_file_of_zeros_fits_on_a_disk_that_is_smaller(
    store: Path, small_disk: Path, write_out: Callable[[Path, str, Path], None]
) -> None:
    write_out(store, "zeros", small_disk / "out")
    assert (small_disk / "out/sparse").stat().st_size == SPARSE_BYTES


def test_what_was_written_with_holes_is_verified_without_reading_them(store: Path, tmp_path: Path) -> None:
    artifact = artfs.Api(store).artifact("disk")
    root = artifact.download(tmp_path / "out")
    artifact.verify(root)
    with (tmp_path / "out/sparse").open("r+b") as file:
        os.pwrite(file.fileno(), b"!", 5 << 30)
    with pytest.raises(ValueError, match="other contents"):
        artifact.verify(root)
    with (tmp_path / "out/sparse").open("r+b") as file:
        os.pwrite(file.fileno(), bytes(_CHUNK), 3 * _CHUNK)
        os.pwrite(file.fileno(), b"\0", 5 << 30)
    with pytest.raises(ValueError, match="other contents"):
        artifact.verify(root)


def test_a_file_that_ends_in_a_hole_and_one_of_few_zeros_come_back(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    contents = {"tail": b"x" * 5000 + bytes(9 << 20), "few": bytes(10), "empty": b"", "one": b"\0"}
    for name, data in contents.items():
        (source / name).write_bytes(data)
    with open_store(tmp_path / "store", create=True) as store:
        store.put([source], NewVersion(parse_artifact_name("odd")))
    artfs.Api(tmp_path / "store").artifact("odd").download(tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in contents} == contents
    assert (tmp_path / "out/tail").stat().st_blocks * 512 < 3 << 20
    artfs.Api(tmp_path / "store").artifact("odd").store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path / "disk"], check=True)
    yield tmp_path / "disk"
    subprocess.run(["umount", tmp_path / "disk"], check=True)
