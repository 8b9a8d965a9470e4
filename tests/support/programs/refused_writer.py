"""Write a file in one of many ways, without looking whether that worked.

`python -m tests.support.programs.refused_writer WAY PATH`: says `ready`, reads a line, writes, says `written`, and ends
when its input does.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SIZE = 2 << 20
DATA = bytes(range(1, 252)) * (SIZE // 251 + 1)
PIECE = 64 << 10


def _pieces() -> list[bytes]:
    return [DATA[at : min(at + PIECE, SIZE)] for at in range(0, SIZE, PIECE)]


def _write(path: Path) -> Callable[[], object]:
    file = os.open(path, os.O_WRONLY | os.O_CREAT)

    def write() -> None:
        for piece in _pieces():
            os.write(file, piece)

    return write


def _writev(path: Path) -> Callable[[], object]:
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    return lambda: os.writev(file, _pieces())


def _append(path: Path) -> Callable[[], object]:
    path.write_bytes(b"before")
    file = os.open(path, os.O_WRONLY | os.O_APPEND)

    def append() -> None:
        for piece in _pieces():
            os.write(file, piece)

    return append


def _mmap(path: Path) -> Callable[[], object]:
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    os.ftruncate(file, SIZE)
    pages = mmap.mmap(file, SIZE)

    def change() -> None:
        pages[:] = DATA[:SIZE]

    return change


def _copy_file_range(path: Path) -> Callable[[], object]:
    source = path.with_name(path.name + ".source")
    source.write_bytes(DATA[:SIZE])
    there, file = os.open(source, os.O_RDONLY), os.open(path, os.O_WRONLY | os.O_CREAT)

    def copy() -> None:
        while os.copy_file_range(there, file, PIECE):
            pass

    return copy


def _truncate_and_extend(path: Path) -> Callable[[], object]:
    path.write_bytes(DATA[:PIECE])
    file = os.open(path, os.O_RDWR)

    def extend() -> None:
        os.ftruncate(file, 100)
        os.ftruncate(file, SIZE)
        os.pwrite(file, DATA[:PIECE], 0)
        os.pwrite(file, DATA[: SIZE // 2], SIZE // 2)

    return extend


def _rename_over(path: Path) -> Callable[[], object]:
    path.write_bytes(b"a good one")
    other = path.with_name(path.name + ".tmp")
    file = os.open(other, os.O_WRONLY | os.O_CREAT)

    def replace() -> None:
        try:
            os.write(file, DATA[:SIZE])
        finally:
            os.rename(other, path)

    return replace


WAYS = {
    "write": _write,
    "writev": _writev,
    "append": _append,
    "mmap": _mmap,
    "copy-file-range": _copy_file_range,
    "truncate-and-extend": _truncate_and_extend,
    "rename-over": _rename_over,
}


def main() -> None:
    write = WAYS[sys.argv[1]](Path(sys.argv[2]))
    print("ready", flush=True)
    sys.stdin.readline()
    with suppress(OSError):
        write()
    print("written", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
