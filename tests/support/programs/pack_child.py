"""A process that writes packs until it is killed, or until the disk is full: the test beside it says which.

pack_child wait TOP           write 12 MB, say "written", wait to be killed
pack_child die NUMBER TOP     die by SIGKILL just before its NUMBERth system call that writes
pack_child full TOP MiB       fill a file system of that size, make space, and try again
pack_child limit TOP          meet the greatest file size that the process may write
"""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from artfs.chunks.reader import PackReader
from artfs.errors import StorageError
from tests.support.data.packs import Place, append

WRITING_CALLS = ("open", "pwrite", "fsync", "mkdir", "rename")


def say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


def wait(top: str) -> None:
    rng = random.Random(1)
    with Place.make(Path(top)).writer() as writer:
        for _ in range(12):
            append(writer, rng.randbytes(1 << 20))
        say("written")
        sys.stdin.read()


def die(number: str, top: str) -> None:
    place = Place.make(Path(top))
    left = int(number)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def calling(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= call is not opening or bool(args[1] & (os.O_WRONLY | os.O_RDWR))
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return calling

    opening = os.open
    for name in WRITING_CALLS:
        setattr(os, name, counted(getattr(os, name)))
    rng = random.Random(1)
    with place.writer(size_limit=400_000) as writer:
        for _ in range(5):
            append(writer, rng.randbytes(150_000))
        say(json.dumps([sealed.pack.hex() for sealed in writer.finish()]))


def full(top: str, mebibytes: str) -> None:
    place = Place.make(Path(top))
    ballast = Path(top) / "ballast"
    ballast.write_bytes(bytes(int(mebibytes) * (1 << 20) - (10 << 20)))
    failed = _write_until_it_fails(place)
    ballast.unlink()
    rng = random.Random(2)
    _, stored = place.store([rng.randbytes(1 << 20) for _ in range(12)])
    with PackReader(place.storage) as reader:
        readable = all(reader.read(chunk.location, chunk.digest) == chunk.plain for chunk in stored)
    say(json.dumps({**failed, "retried": readable}))


def limit(top: str) -> None:
    place = Place.make(Path(top))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_001, 10_000_001))
    say(json.dumps(_write_until_it_fails(place)))


def _write_until_it_fails(place: Place) -> dict[str, object]:
    """Write on until the system refuses, and tell how that went."""
    rng = random.Random(1)
    writer = place.writer()
    try:
        for _ in range(100):
            append(writer, rng.randbytes(1 << 20))
    except StorageError as error:
        first = error
    else:
        raise AssertionError("the fault did not fire")
    size_then = sum(path.stat().st_size for path in place.files())
    again = 0
    for step in (writer.finish, lambda: append(writer, b"more")):
        try:
            step()
        except StorageError as error:
            again += error.errno == first.errno
    writer.abort()
    return {
        "errno": errno.errorcode[first.errno],
        "message": str(first),
        "size": size_then,
        "refused": again,
        "files": [str(path) for path in place.files()],
    }


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {"wait": wait, "die": die, "full": full, "limit": limit}
    commands[sys.argv[1]](*sys.argv[2:])
