"""Serve a tree in memory in the foreground: `fuse_server DIRECTORY MOUNTPOINT [JSON OPTIONS]`.

Prints `ready` when the mount answers, or the error in one line. Some of the files do things when they are read:

    die       kills the worker that answers
    gate      waits until DIRECTORY/gate exists
    raise     raises what nobody foresaw
    damaged   raises an IntegrityError
    gone      raises a NotFoundError
    gates/    64 of those gates

With DIRECTORY/trace there, each question that the tree is asked goes into that file: `lookup many`. With
DIRECTORY/refuse the tree cannot be opened, and with DIRECTORY/crash any process that opens it is killed. A lookup of
the name `barred` waits as at a gate. The flag `share` has all workers share the mount's descriptor, as they must where
they cannot open the device, and `one-core` lets all of them run on one core.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from artfs.errors import ArtfsError, IntegrityError, NotFoundError
from artfs.fuse.options import MountOptions
from artfs.fuse.prefork.serve import Service, serve
from artfs.fuse.readonly.readonly_mount import ReadOnlyMount
from artfs.vfs.attributes import Attr
from tests.support.models.memorytree import FUNCTION_SIZE, MemoryTree, Node

MANY = 2000


def content(number: int) -> bytes:
    return b"%d\n" % number * 200


class Traced(MemoryTree):
    """A tree that writes down what it is asked, if there is a file for it."""

    def __init__(self, trace: Path, root: Mapping[bytes, Node], bar: Callable[[], None]) -> None:
        super().__init__(root)
        self._bar = bar
        self._trace = os.open(trace, os.O_WRONLY | os.O_APPEND) if trace.exists() else None

    def _note(self, question: str) -> None:
        if self._trace is not None:
            os.write(self._trace, f"{question}\n".encode())

    def lookup(self, parent: int, name: bytes) -> Attr | None:
        self._note(f"lookup {os.fsdecode(name)}")
        if name == b"barred":
            self._bar()
        return super().lookup(parent, name)

    def attr(self, ino: int) -> Attr:
        self._note(f"attr {ino}")
        return super().attr(ino)

    def read(self, ino: int, offset: int, size: int) -> bytes:
        self._note(f"read {ino}")
        return super().read(ino, offset, size)


def make_tree(directory: Path) -> MemoryTree:
    def die(_offset: int, _size: int) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    def wait() -> None:
        while not (directory / "gate").exists():
            time.sleep(0.005)

    def gate(_offset: int, _size: int) -> bytes:
        wait()
        return b"g" * FUNCTION_SIZE

    def fail(_offset: int, _size: int) -> bytes:
        raise RuntimeError("nobody foresaw this")

    def damaged(_offset: int, _size: int) -> bytes:
        raise IntegrityError("pack 77 is damaged at 4096")

    def gone(_offset: int, _size: int) -> bytes:
        raise NotFoundError("deleted meanwhile")

    if (directory / "refuse").exists():
        raise IntegrityError("the index is damaged: rebuild it")
    if (directory / "crash").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return Traced(
        directory / "trace",
        {
            b"many": {b"%d" % number: content(number) for number in range(MANY)},
            b"gates": {b"%d" % number: gate for number in range(64)},
            b"die": die,
            b"raise": fail,
            b"damaged": damaged,
            b"gone": gone,
            b"gate": gate,
            b"link": "many/7",
            b"plain": {b"file": b"plain", b"dir": {}, b"link": "file"},
            b"file": b"plain",
            b"dir": {},
            b"empty": b"",
            b"odd\n\xff": {b"x" * 255: b"odd"},
        },
        wait,
    )


def main() -> int:
    directory, mountpoint = Path(sys.argv[1]), sys.argv[2]
    options = MountOptions(**json.loads(sys.argv[3])) if len(sys.argv) > 3 else MountOptions()
    share = "share" in sys.argv[4:]
    if "one-core" in sys.argv[4:]:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    def outdated() -> bool:
        try:
            (directory / "outdated").unlink()
        except FileNotFoundError:
            return False
        return True

    kind = ReadOnlyMount(lambda _before: make_tree(directory), options)
    service = Service(directory, mountpoint, kind, options, share=share, outdated=outdated)
    try:
        serve(service, lambda _mount: print("ready", flush=True))
    except ArtfsError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
