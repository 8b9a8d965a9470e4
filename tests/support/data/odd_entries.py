"""Generator of odd directory entries, always the same for a seed."""

from __future__ import annotations

import os
import random
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["SPECIALS", "make_odd_entries"]

_NAME_MAX: Final = 255

_NAMES: Final = (
    b"new\nline",
    b"\n",
    b"carriage\rreturn",
    b"tab\there",
    b"\x1b[31mred\x1b[0m",
    b"\x1b]0;title\x07",
    b"\x7f\x01\x08",
    b"'",
    b'"',
    b'it\'s "both"',
    b"`id`",
    b"$(id)",
    b"$HOME",
    b"back\\slash",
    b"\\n",
    b"%s%n%d",
    b"{0} {name}",
    b"<b>&amp;<b>",
    b"<script>",
    b"a;b|c>d",
    b"*",
    b"?[!a]",
    b"**",
    b"#comment",
    b"!negated",
    b"~",
    b" ",
    b"  leading",
    b"trailing ",
    b"trailing.",
    b"...",
    b".. ",
    b"..\\up",
    b"..a",
    b". ",
    b".hidden",
    b"-",
    b"--",
    b"-rf",
    b"--help",
    b"--store=x",
    b"a:b",
    b":latest",
    b"v0",
    b"latest",
    b"x:v0",
    b"C:",
    b"NUL",
    b"con.txt",
    b"\xff\xfe not utf-8",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\xaf",
    "\u202egnp.exe".encode(),
    "\u2066isolate\u2069".encode(),
    "\u200bzero\u200dwidth".encode(),
    "\u2028line\u2029paragraph".encode(),
    "\u0085next".encode(),
    "\ufeffbom".encode(),
    "cafe\u0301".encode(),
    "caf\u00e9".encode(),
    "\U0001f469\u200d\U0001f52c".encode(),
    "z\u0300\u0301\u0302\u0303\u0304\u0305\u0306".encode(),
    "\u0665\u0666".encode(),
    "\ue000private".encode(),
    "\U0010fffd".encode(),
    "\u0130I\u0131i".encode(),
    "file:\u2215\u2215\u2215etc".encode(),
    b"s3:",
    b"null",
    b"[]",
    b"a,b\tc",
    b"=cmd",
    b"__proto__",
    b"lost+found",
    b"format.json",
    b".artfs-get-0123456789abcdef",
    b".git",
    b"x" * _NAME_MAX,
    b"\xff" * _NAME_MAX,
    b"\n" * _NAME_MAX,
    "\u00e9".encode() * 127,
    "\U0001f600".encode() * 63,
)
"""Each is the name of a file, of a directory and of a link, and is the target of a link."""

_TIMES_NS: Final = (
    0,
    1,
    -1,
    -1_000_000_001,
    999_999_999,
    1_234_567_890_123_456_789,
    (1 << 31) * 10**9 - 1,
    (1 << 31) * 10**9,
    -(1 << 31) * 10**9,
    (1 << 32) * 10**9 + 1,
    (1 << 63) - 1,
    10_413_792_000 * 10**9,
)

_MODES: Final = (0o000, 0o001, 0o111, 0o222, 0o444, 0o600, 0o755, 0o777, 0o1644, 0o2755, 0o4755, 0o6777, 0o7777)

_SIZES: Final = (0, 1, 4095, 4096, 4097, 32_768, 32_769, 131_073, 1 << 20)

_SPARSE: Final = (1, 4096, 1 << 20, 8 << 20)
"""Sizes of files of which one byte at most is not a zero."""

_TARGETS: Final = (
    b"names/\n",
    b"names",
    b".",
    b"..",
    b"../..",
    b"../../../../../../../../etc/passwd",
    b"/",
    b"/etc/passwd",
    b"/proc/self/root",
    b"loop-a",
    b"gone",
    b"gone/further",
    b"names/gone",
    b"names/./../names",
    b"names//" + b"x" * _NAME_MAX,
    b"names/" + b"x" * _NAME_MAX + b"/below a file",
    b"\xff\n\x1b[0m",
    b"\xe2\x80\xae",
    b"./" * 2000,
    b"y" * 4095,
    b"artfs://animals/v0",
    b" ",
)

_DEPTH: Final = 140
"""Levels of directories whose names have 24 bytes: a path that is nearly as long as a system call takes."""


def make_odd_entries(top: Path, seed: int = 0) -> None:
    """Make a directory of more than 500 odd entries that an artifact can have.

    Args:
        top: The directory, which is made.
        seed: Of the random names, sizes and times.
    """
    random_ = random.Random(seed)
    raw = os.fsencode(top)
    os.mkdir(raw)
    for make in (_names, _links, _times, _modes, _sizes, _deep):
        make(raw, random_)


def _names(top: bytes, random_: random.Random) -> None:
    os.mkdir(top + b"/names")
    os.mkdir(top + b"/directories")
    for name in (*_NAMES, *_random_names(random_, 120)):
        _write(top + b"/names/" + name, name)
        os.mkdir(top + b"/directories/" + name)
        os.symlink(b"../../names/" + name, top + b"/directories/" + name + b"/" + name)


def _random_names(random_: random.Random, count: int) -> Iterator[bytes]:
    """Yield names of bytes of all kinds; the number in front keeps them apart."""
    for number in range(count):
        raw = random_.randbytes(random_.randrange(1, 200)).replace(b"/", b"").replace(b"\0", b"")
        yield b"%d-%s" % (number, raw)


def _links(top: bytes, _random: random.Random) -> None:
    for number, target in enumerate(_TARGETS):
        os.symlink(target, top + b"/link-%d" % number)
    for name, target in ((b"loop-a", b"loop-b"), (b"loop-b", b"loop-a"), (b"loop-self", b"loop-self")):
        os.symlink(target, top + b"/" + name)
    os.symlink(b"../hard-0", top + b"/names/chain-0")
    for number in range(1, 50):  # the kernel follows 40
        os.symlink(b"chain-%d" % (number - 1), top + b"/names/chain-%d" % number)
    _write(top + b"/hard-0", b"hard")
    for number in range(1, 10):
        os.link(top + b"/hard-0", top + b"/hard-%d" % number)
    os.link(top + b"/loop-self", top + b"/hard-link-of-a-link", follow_symlinks=False)


def _times(top: bytes, random_: random.Random) -> None:
    os.mkdir(top + b"/times")
    for number, time_ns in enumerate((*_TIMES_NS, *(random_.randrange(-(1 << 60), 1 << 60) for _ in range(20)))):
        path = top + b"/times/%d" % number
        _write(path, b"")
        os.symlink(b"%d" % number, path + b"-link")
        os.mkdir(path + b"-directory")
        for each in (path, path + b"-link", path + b"-directory"):
            os.utime(each, ns=(time_ns, time_ns), follow_symlinks=False)


def _modes(top: bytes, _random: random.Random) -> None:
    os.mkdir(top + b"/modes")
    for mode in _MODES:
        path = top + b"/modes/%04o" % mode
        _write(path, b"%04o" % mode)
        os.chmod(path, mode)
        os.mkdir(path + b"-directory")
        _write(path + b"-directory/in it", b"")
        os.chmod(path + b"-directory", mode)


def _sizes(top: bytes, random_: random.Random) -> None:
    os.mkdir(top + b"/sizes")
    for size in _SIZES:
        _write(top + b"/sizes/%d" % size, random_.randbytes(size))
        _write(top + b"/sizes/%d-zeros" % size, bytes(size))
    for size in _SPARSE:
        for place in (None, 0, size // 2, size - 1):
            with open(top + b"/sizes/%d-sparse-%s" % (size, str(place).encode()), "wb") as file:
                if place is not None:
                    file.seek(place)
                    file.write(b"x")
                file.truncate(size)
    attributed = top + b"/sizes/attributed"
    _write(attributed, b"")
    with suppress(OSError):  # a file system without extended attributes
        os.setxattr(attributed, b"user.odd\xff", b"\0\n")
        os.setxattr(attributed, b"user.artfs.ref", b"other:v9")


def _deep(top: bytes, _random: random.Random) -> None:
    path = top + b"/deep" + b"".join(b"/%03d-" % level + b"d" * 20 for level in range(_DEPTH))
    os.makedirs(path)
    _write(path + b"/bottom", b"bottom")


def _write(path: bytes, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _socket(path: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)


SPECIALS: Final[dict[str, Callable[[bytes], None]]] = {
    "fifo": os.mkfifo,
    "socket": _socket,
    "character device": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3)),
    "block device": lambda path: os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(7, 0)),
}
"""What an artifact cannot have: functions that make it at a path."""
