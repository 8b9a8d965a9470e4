"""Directories to store, and directories compared."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable
from pathlib import Path

__all__ = ["make_odd_tree", "snapshot"]

Seen = tuple[str, int, int, bytes]
"""Kind, permission bits, mtime in ns, contents or link target."""


def make_odd_tree(top: Path) -> None:
    """Make a directory of everything that an artifact can hold: odd names, links, modes, times, sizes."""
    raw = os.fsencode(top)
    os.mkdir(raw)
    names = [
        b"plain.txt",
        b"new\nline",
        b"\xff\xfe not utf-8",
        b"x" * 255,
        b" ",
        b"-rf",
        b"a:b",
        "ünïcödé".encode(),
        b"...",
    ]
    for number, name in enumerate(names):
        _write(raw + b"/" + name, b"contents %d" % number, 0o600 + 0o11 * number % 0o100)
    _write(raw + b"/empty", b"", 0o444)
    for size in (1, 511, 512, 32_768, 32_769, 131_072, 131_073, 5_000_000, 9_000_001):
        _write(raw + b"/size-%d" % size, random.Random(size).randbytes(size), 0o644)
    _write(raw + b"/zeros", bytes(3_000_000), 0o644)
    _write(raw + b"/text.csv", b"".join(b"%d,%d,some text\n" % (n, n * n) for n in range(200_000)), 0o664)
    os.makedirs(raw + b"/deep" + b"/d" * 60)
    os.makedirs(raw + b"/empty directory/inner", mode=0o750)
    os.mkdir(raw + b"/" + b"d" * 255)
    _write(raw + b"/" + b"d" * 255 + b"/f", b"f", 0o755)
    os.link(raw + b"/plain.txt", raw + b"/hard link")
    os.symlink(b"plain.txt", raw + b"/link")
    os.symlink(b"not there \xff\n", raw + b"/dangling")
    os.symlink(b"../deep/d", raw + b"/empty directory/up")
    os.mkdir(raw + b"/many")
    for number in range(700):
        _write(raw + b"/many/%03d" % number, b"%d" % (number % 10), 0o644)
    os.mkdir(raw + b"/sticky")
    os.chmod(raw + b"/sticky", 0o1777)  # noqa: S103 - that bit is what is tested
    for number, (directory, _names, files) in enumerate(os.walk(raw, topdown=False)):
        for name in files:
            os.utime(directory + b"/" + name, ns=(0, 1_234_567_890_123_456_789 + number), follow_symlinks=False)
        os.utime(directory, ns=(0, -1_000_000_007 - number))


def _write(path: bytes, data: bytes, mode: int) -> None:
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def snapshot(top: Path, *, read: Callable[[bytes], bytes] | None = None) -> dict[bytes, Seen]:
    """Look at a whole directory.

    Args:
        top: The directory.
        read: Reads a file's contents; an ordinary open by default.

    Returns:
        By path: kind, permission bits, mtime, contents. The top itself is under `b"."`.
    """
    raw = os.fsencode(top)
    seen = {b".": _look(raw, read or _read)}
    for directory, subdirectories, files in os.walk(raw):
        for name in (*subdirectories, *files):
            path = directory + b"/" + name
            seen[path[len(raw) + 1 :]] = _look(path, read or _read)
    return seen


def _look(path: bytes, read: Callable[[bytes], bytes]) -> Seen:
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return "symlink", 0o777, status.st_mtime_ns, os.readlink(path)
    if stat.S_ISDIR(status.st_mode):
        return "directory", mode, status.st_mtime_ns, b""
    return "file", mode, status.st_mtime_ns, read(path)


def _read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()
