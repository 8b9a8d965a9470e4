"""`artfs://` through fsspec: listed, globbed, read by ranges, pickled to other processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import artfs


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    top = tmp_path / "data"
    (top / "sub").mkdir(parents=True)
    (top / "a.csv").write_text("x,y\n1,2\n")
    (top / "sub" / "b.bin").write_bytes(bytes(range(256)) * 4096)
    (top / "link.csv").symlink_to("a.csv")
    (top / "out").symlink_to("../../outside")
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    artifact = artfs.Artifact("animals")
    artifact.add_dir(top)
    artifact.save()
    yield tmp_path / "store"
    artifact.store.close()


def test_a_url_opens_without_a_mount(store: Path) -> None:
    with fsspec.open("artfs://animals:latest/a.csv", "r") as file:
        assert file.read() == "x,y\n1,2\n"
    with fsspec.open("artfs://animals:v0/link.csv", store=str(store)) as file:
        assert file.read() == b"x,y\n1,2\n"


def test_directories_are_listed_and_globbed(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    assert files.ls("", detail=False) == ["animals"]
    assert sorted(files.ls("artfs://animals", detail=False)) == [
        "animals/a.csv",
        "animals/link.csv",
        "animals/out",
        "animals/sub",
    ]
    assert {row["name"]: row["type"] for row in files.ls("animals")}["animals/out"] == "link"
    assert files.glob("artfs://animals:latest/**/*.bin") == ["animals:latest/sub/b.bin"]
    assert files.info("animals:v0/sub")["type"] == "directory"
    assert files.info("animals:v0/sub/b.bin")["size"] == 1 << 20
    assert files.isdir("animals")
    assert not files.exists("animals:v7/a.csv")


def test_ranges_are_read(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    path = "animals/sub/b.bin"
    assert files.cat_ranges([path] * 3, [0, 255, -2], [3, 258, None]) == [b"\0\1\2", b"\xff\0\1", b"\xfe\xff"]
    with files.open(path) as file:
        file.seek(-1, os.SEEK_END)
        assert file.read() == b"\xff"


def test_what_is_missing_or_not_a_file_is_told_as_python_does(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    for missing in ("animals/none", "none", "animals/out", "animals:no:t/x"):
        with pytest.raises(FileNotFoundError):
            files.cat_file(missing)
    with pytest.raises(IsADirectoryError):
        files.cat_file("animals/sub")
    with pytest.raises(ValueError, match="only read"):
        files.open("animals/a.csv", "wb")


def _first_line(pickled: bytes) -> bytes:
    line: bytes = pickle.loads(pickled).cat_file("animals/a.csv")  # noqa: S301 - made by this test
    return line.splitlines()[0]


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_file_system_goes_to_worker_processes_as_a_few_bytes(store: Path, method: str) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    files.cat_file("animals/a.csv")
    pickled = pickle.dumps(files)
    assert len(pickled) < 1000
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_first_line, [pickled] * 4) == [b"x,y"] * 4
