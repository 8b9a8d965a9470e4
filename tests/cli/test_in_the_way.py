"""Something else at the place of an entry, or no room for it: a sentence with its path, or it is replaced."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import artfs as api
from artfs.errors import ArtfsError, StorageError, UnsafeTargetError
from tests.support.commands import Commands

Write = Callable[[Commands, Path], tuple[int, str]]
"""Writes `animals` out; returns exit code and message."""


def _get(stored: Commands, out: Path) -> tuple[int, str]:
    ended = stored("-q", "get", "animals", out, "--force")
    return ended.code, ended.failed(ended.code) if ended.code else ""


def _called(call: Callable[..., object], out: Path) -> tuple[int, str]:
    try:
        call(out)
    except ArtfsError as error:
        return error.exit_code, str(error)
    return 0, ""


def _download(stored: Commands, out: Path) -> tuple[int, str]:
    return _called(api.Api(stored.store).artifact("animals").download, out)


def _checkout(stored: Commands, out: Path) -> tuple[int, str]:
    return _called(api.Api(stored.store).artifact("animals").checkout, out)


@pytest.fixture(autouse=True)
def _closed(stored: Commands) -> Iterator[None]:
    yield
    api.Api(stored.store).artifact("animals").store.close()


_ADDING = pytest.mark.parametrize("write", [_get, _download])
_ALL = pytest.mark.parametrize("write", [_get, _download, _checkout])


def _directory(place: Path) -> None:
    (place / "full").mkdir(parents=True)


def _file(place: Path) -> None:
    place.write_text("something else")


def _fifo(place: Path) -> None:
    os.mkfifo(place)


def _symlink(place: Path) -> None:
    place.symlink_to("/etc")


def _dangling(place: Path) -> None:
    place.symlink_to("nowhere")


_IN_THE_WAY = [
    *((name, _directory) for name in ("labels.csv", "cats/tom.png", "best")),
    *(("cats", make) for make in (_file, _fifo, _symlink, _dangling)),
]
_ANY_KIND = [(name, make) for name in ("labels.csv", "best") for make in (_file, _fifo, _symlink, _dangling)]


def _obstructed(out: Path, name: str, make: Callable[[Path], None]) -> Path:
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    make(out / name)
    return out


@_ADDING
@pytest.mark.parametrize(("name", "make"), _IN_THE_WAY)
def test_what_is_in_the_way_is_named(
    stored: Commands, tmp_path: Path, write: Write, name: str, make: Callable[[Path], None]
) -> None:
    code, message = write(stored, _obstructed(tmp_path / "out", name, make))
    assert code == UnsafeTargetError.exit_code
    assert f"is in the way at '{name}': move it" in message
    assert os.path.lexists(tmp_path / "out" / name)


@pytest.mark.parametrize(("name", "make"), _IN_THE_WAY + _ANY_KIND)
def test_a_checkout_replaces_what_is_in_the_way(
    stored: Commands, tmp_path: Path, images: Path, name: str, make: Callable[[Path], None]
) -> None:
    assert _checkout(stored, _obstructed(tmp_path / "out", name, make)) == (0, "")
    assert (tmp_path / "out/cats/tom.png").read_bytes() == (images / "cats/tom.png").read_bytes()
    api.Api(stored.store).artifact("animals").verify(tmp_path / "out")


@_ADDING
@pytest.mark.parametrize(("name", "make"), _ANY_KIND)
def test_no_directory_in_the_way_of_a_file_or_link_is_replaced(
    stored: Commands, tmp_path: Path, write: Write, name: str, make: Callable[[Path], None]
) -> None:
    assert write(stored, _obstructed(tmp_path / "out", name, make)) == (0, "")
    api.Api(stored.store).artifact("animals").verify(tmp_path / "out")


@_ALL
@pytest.mark.parametrize("make", [_file, _fifo, _dangling])
@pytest.mark.parametrize("below", ["", "sub/deeper"])
def test_a_destination_that_is_no_directory_is_named(
    stored: Commands, tmp_path: Path, write: Write, make: Callable[[Path], None], below: str
) -> None:
    make(tmp_path / "out")
    code, message = write(stored, tmp_path / "out" / below)
    assert code == UnsafeTargetError.exit_code
    assert f"is in the way at '{tmp_path}/out': move it" in message


@_ALL
def test_a_name_that_is_too_long_is_named(stored: Commands, tmp_path: Path, write: Write) -> None:
    code, message = write(stored, tmp_path / ("n" * 300))
    assert (code, message) == (StorageError.exit_code, f"writing '{tmp_path}/{'n' * 300}': File name too long")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A directory with `cats`, which is a read-only file system."""
    cats = tmp_path / "out/cats"
    cats.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", cats], check=True)
    yield tmp_path / "out"
    subprocess.run(["umount", cats], check=True)


@_ALL
def test_a_directory_that_cannot_be_written_is_named(stored: Commands, read_only: Path, write: Write) -> None:
    code, message = write(stored, read_only)
    assert code == StorageError.exit_code
    assert message == f"writing '{read_only}/cats/tom.png': Read-only file system"


@_ALL
def test_a_destination_on_a_read_only_file_system_is_named(stored: Commands, read_only: Path, write: Write) -> None:
    code, message = write(stored, read_only / "cats/new")
    assert (code, message) == (StorageError.exit_code, f"writing '{read_only}/cats/new': Read-only file system")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk that has room for names, not for `tom.png`."""
    (tmp_path / "tiny").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", tmp_path / "tiny"], check=True)
    yield tmp_path / "tiny"
    subprocess.run(["umount", tmp_path / "tiny"], check=True)


@_ALL
def test_a_full_disk_is_named_and_no_part_of_a_file_is_left(stored: Commands, tiny: Path, write: Write) -> None:
    code, message = write(stored, tiny / "out")
    assert code == StorageError.exit_code
    assert message == f"writing '{tiny}/out/cats/tom.png': No space left on device; free some space and repeat"
    assert list((tiny / "out/cats").iterdir()) == []


def test_a_checkout_names_what_it_cannot_remove(stored: Commands, tmp_path: Path) -> None:
    left = tmp_path / "out/old/deep/mounted"
    left.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", left], check=True)
    try:
        code, message = _checkout(stored, tmp_path / "out")
    finally:
        subprocess.run(["umount", left], check=True)
    assert (code, message) == (UnsafeTargetError.exit_code, f"another file system is mounted at '{left}': unmount it")


@pytest.mark.parametrize("make", [_file, _directory])
def test_one_file_is_written_over_another_but_over_no_directory(
    stored: Commands, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(_obstructed(tmp_path / "out", "cats/other", _file) / "cats/tom.png")
    entry = api.Api(stored.store).artifact("animals").get_entry("cats/tom.png")
    code, message = _called(entry.download, tmp_path / "out")
    assert (code, message) == (0, "") or "is in the way at 'tom.png': move it" in message
    assert (tmp_path / "out/cats/tom.png").is_dir() == (make is _directory) == (code == UnsafeTargetError.exit_code)
