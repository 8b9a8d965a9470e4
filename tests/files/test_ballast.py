"""Disk space that is allocated ahead is there when it is needed, and never where it would be missed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from artfs.files.ballast import Ballast

SIZE = 4 << 20


def free(monkeypatch: pytest.MonkeyPatch, mebibytes: int) -> None:
    """Let the disk have so much free space."""
    disk = os.statvfs("/")
    fields = [*disk]
    fields[1], fields[4] = 1 << 20, mebibytes  # f_frsize, f_bavail
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(fields))


def refuse(_descriptor: int, _offset: int, _size: int) -> None:
    raise OSError(errno.ENOSPC, "full")


def test_allocated_space_is_on_the_disk_until_it_is_released(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast")
    ballast.allocate()
    ballast.allocate()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= SIZE
    assert ballast.release()
    assert not ballast.release()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_half_allocated_is_allocated(tmp_path: Path) -> None:
    (tmp_path / "ballast").write_bytes(b"")
    Ballast(tmp_path / "ballast").allocate()
    assert (tmp_path / "ballast").stat().st_size == SIZE


def test_a_full_disk_leaves_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    ballast = Ballast(tmp_path / "ballast")
    ballast.allocate()
    assert list(tmp_path.iterdir()) == []
    assert not ballast.release_after(OSError(errno.ENOSPC, "full"))


def test_where_there_is_no_room_nothing_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried and given back would be missing meanwhile: to a writer who has just made room for it."""
    asked: list[int] = []
    monkeypatch.setattr(os, "posix_fallocate", lambda _descriptor, _offset, size: asked.append(size))
    free(monkeypatch, 3)
    Ballast(tmp_path / "ballast").allocate()
    assert (asked, list(tmp_path.iterdir())) == ([], [])
    free(monkeypatch, 4)
    Ballast(tmp_path / "ballast").allocate()
    assert asked == [SIZE]


def test_spare_space_is_allocated_only_where_there_is_plenty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ballast = Ballast(tmp_path / "ballast", spare=True)
    free(monkeypatch, 31)
    ballast.allocate()
    assert not (tmp_path / "ballast").exists()
    free(monkeypatch, 32)
    ballast.allocate()
    assert (tmp_path / "ballast").exists()


def test_a_block_has_the_space_only_while_it_is_scarce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ballast = Ballast(tmp_path / "ballast", spare=True)
    ballast.allocate()
    free(monkeypatch, 16)
    with ballast.released_if_scarce():
        assert (tmp_path / "ballast").exists()
    free(monkeypatch, 15)
    with ballast.released_if_scarce():
        assert not (tmp_path / "ballast").exists()
    assert not (tmp_path / "ballast").exists()
    free(monkeypatch, 100)
    with ballast.released_if_scarce():
        pass
    assert (tmp_path / "ballast").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_change_that_a_full_disk_refused_is_made_again_with_the_space(tmp_path: Path, number: int) -> None:
    ballast = Ballast(tmp_path / "ballast")
    ballast.allocate()

    def remove(name: str) -> str:
        if (tmp_path / "ballast").exists():
            raise OSError(number, "full")
        return name

    assert ballast.retrying(remove)("a") == "a"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_change_is_refused_when_the_space_is_not_what_it_lacks(tmp_path: Path, number: int) -> None:
    ballast = Ballast(tmp_path / "ballast")
    ballast.allocate()
    calls: list[Any] = []

    def remove(name: str) -> None:
        calls.append(name)
        raise OSError(number, "refused")

    with pytest.raises(OSError, match="refused"):
        ballast.retrying(remove)("a")
    assert len(calls) == (2 if number == errno.ENOSPC else 1)
    assert (tmp_path / "ballast").exists() == (number == errno.EIO)
