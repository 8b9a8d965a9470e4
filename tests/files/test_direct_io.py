"""A file that is written past the page cache holds what it was given, whatever the system makes of the writes."""

from __future__ import annotations

import errno
import fcntl
import importlib
import os
import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from artfs.files import writes
from artfs.files.direct_io import PIECE, DirectFile
from artfs.format.digest import Data

SIZES = [
    (),
    (1,),
    (PIECE - 1,),
    (PIECE,),
    (PIECE, 1),
    (10, PIECE - 3, 17, PIECE - 24),
    (300, 2 * PIECE, 40_000, PIECE, 5),
    (5 * PIECE + 4095,),
]


def fill(path: Path, sizes: Sequence[int]) -> bytes:
    """Write a file of pieces of these sizes, from a buffer that is used again; give what it must hold."""
    rng = random.Random(len(sizes))
    given = [rng.randbytes(size) for size in sizes]
    file = DirectFile(path)
    for data in given:
        buffer = bytearray(data)
        file.append(buffer)
        buffer[:] = bytes(len(buffer))
    assert file.size == sum(sizes)
    file.sync()
    file.close()
    return b"".join(given)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_file_holds_what_it_was_given_in_whatever_portions(tmp_path: Path, sizes: Sequence[int]) -> None:
    expected = fill(tmp_path / "file", sizes)
    assert (tmp_path / "file").read_bytes() == expected


def test_whole_pieces_go_past_the_page_cache_and_the_rest_in_small_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, int]] = []
    longer: list[bool] = []
    pwrite = os.pwrite

    def watched(fd: int, data: Data, offset: int) -> int:
        direct = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
        seen.append((direct, len(data)))
        longer.append(os.fstat(fd).st_size < offset + len(data))
        return pwrite(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", watched)
    fill(tmp_path / "file", (3 * PIECE + (1 << 20),))
    assert seen == [(True, PIECE)] * 3 + [(False, 512 << 10)] * 2
    assert longer == [False] * 3 + [True] * 2  # no direct write makes the file longer


@pytest.mark.parametrize("what", ["open", "write", "half a write"])
def test_where_direct_writes_are_refused_every_byte_gets_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    refused = 0
    opens, pwrite = os.open, os.pwrite

    def refusing_open(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        nonlocal refused
        if what == "open" and flags & os.O_DIRECT:
            refused += 1
            raise OSError(errno.EINVAL, "provoked")
        return opens(path, flags, mode, dir_fd=dir_fd)

    def refusing_pwrite(fd: int, data: Data, offset: int) -> int:
        nonlocal refused
        if what != "open" and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT:
            refused += 1
            if what == "write":
                raise OSError(errno.EINVAL, "provoked")
            return pwrite(fd, memoryview(data)[: PIECE // 2], offset)
        return pwrite(fd, data, offset)

    monkeypatch.setattr(os, "open", refusing_open)
    monkeypatch.setattr(os, "pwrite", refusing_pwrite)
    expected = fill(tmp_path / "file", (3 * PIECE + 1000,))
    monkeypatch.undo()
    assert refused == (1 if what == "open" else 3)
    assert (tmp_path / "file").read_bytes() == expected


def test_a_kernel_without_early_writeback_still_gets_every_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctypes

    def refusing(_path: Path) -> int:
        return -1

    monkeypatch.setattr("artfs.files.direct_io._open_direct", refusing)
    monkeypatch.setattr(ctypes, "CDLL", lambda _name, **_more: SimpleNamespace(fallocate=SimpleNamespace()))
    importlib.reload(writes)  # it looks for the call once
    try:
        expected = fill(tmp_path / "file", (PIECE + 1,))
    finally:
        monkeypatch.undo()
        importlib.reload(writes)
    assert (tmp_path / "file").read_bytes() == expected


def test_an_error_of_a_piece_that_is_on_its_way_is_reported_soon_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite

    def full_disk(fd: int, data: Data, offset: int) -> int:
        if offset == PIECE:
            raise OSError(errno.ENOSPC, "provoked")
        return pwrite(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", full_disk)
    file = DirectFile(tmp_path / "file")
    with pytest.raises(OSError, match="provoked"):
        _append(file, 6)
    with pytest.raises(OSError, match="provoked"):
        file.sync()
    file.close()
    assert os.fspath(tmp_path / "file") not in {os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()}


def _append(file: DirectFile, pieces: int) -> None:
    for _ in range(pieces):
        file.append(bytes(PIECE))
