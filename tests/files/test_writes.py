"""Writes are made in full, however little the system takes at once; allocated space makes a file no longer."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.files import preallocate, write_all
from artfs.files.writes import pwrite_all

PIECE = 512 << 10


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_short_writes_are_continued(tmp_path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    system = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: system(fd, data[:7], offset))
    write_all(descriptor, b"twenty bytes in all!", 3)
    assert (tmp_path / "file").read_bytes() == b"\0\0\0twenty bytes in all!"
    monkeypatch.setattr(os, "pwrite", lambda *_arguments: 0)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        write_all(descriptor, b"x", 0)


def test_large_writes_are_cut_into_pieces(tmp_path: Path, descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    system, sizes = os.pwrite, list[int]()

    def counted(fd: int, data: memoryview, offset: int) -> int:
        sizes.append(len(data))
        return system(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", counted)
    data = os.urandom(2 * PIECE + 5)
    pwrite_all(descriptor, data, 0)
    pwrite_all(descriptor, data, len(data))
    assert sizes == [PIECE, PIECE, 5] * 2
    assert (tmp_path / "file").read_bytes() == data * 2


def test_preallocated_space_makes_a_file_no_longer(descriptor: int) -> None:
    preallocate(descriptor, 0, 1 << 20)
    assert os.fstat(descriptor).st_size == 0
    assert os.fstat(descriptor).st_blocks * 512 >= 1 << 20
    with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        preallocate(descriptor, 1 << 62, 1 << 61)
