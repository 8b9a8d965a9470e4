"""A process that works on a catalog until it is done, killed or refused: the test beside it says which.

catalog_child publish ROOT COUNT NAME...   log COUNT versions of each name, with an alias
catalog_child kill ROOT POINT              log a version and die by SIGKILL at that point
catalog_child die ROOT NUMBER              log versions, die before the NUMBERth writing call
catalog_child look ROOT                    read everything that the catalog tells
catalog_child full ROOT MiB                fill a file system of that size, free some, repeat
catalog_child limit ROOT                   let the index refuse to grow at the commit
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from artfs.catalog import Catalog, NewVersion, View
from artfs.catalog.publish import FaultPoint
from artfs.errors import ArtfsError, StorageError
from artfs.format.digest import digest
from tests.support.data.catalogs import WHO, CatalogPlace, check, log, ref, tree

WRITING_CALLS = ("open", "pwrite", "fsync", "rename", "ftruncate", "posix_fallocate")


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def publish(root: str, count: str, *names: str) -> None:
    with CatalogPlace(Path(root), time.time_ns).open() as catalog:
        say("ready")
        sys.stdin.readline()
        logged = [
            (name, log(catalog, name, f"{os.getpid()} {number}", aliases=[f"by-{os.getpid()}"]).version.index)
            for number in range(int(count))
            for name in names
        ]
    say({"pid": os.getpid(), "logged": logged})


def kill(root: str, point: str) -> None:
    def fault_hook(reached: FaultPoint) -> None:
        if reached.name == point:
            say(f"at {reached.name}")
            os.kill(os.getpid(), signal.SIGKILL)

    with CatalogPlace(Path(root)).open(fault_hook) as catalog:
        log(catalog, contents="of the killed", aliases=["killed"])


def die(root: str, number: str) -> None:
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
    with CatalogPlace(Path(root)).open() as catalog:
        for count in range(3):
            logged = log(catalog, contents=str(count), description="x" * 3000)
            say(logged.version.index)


def look(root: str) -> None:
    """Tell every fact that a user could ask for, or the class of the error that came instead."""
    answers: dict[str, object] = {}
    try:
        with CatalogPlace(Path(root)).open() as catalog:
            _look(catalog, answers)
    except ArtfsError as error:
        answers["open"] = type(error).__name__
    say(answers)


def _look(catalog: Catalog, answers: dict[str, object]) -> None:
    with catalog.view() as view:
        for number in range(10):
            name = f"artifact-{number}"
            for selector in ("v0", "v1", "v2", "latest", "best"):
                text = f"{name}:{selector}"
                answers[text] = _answer(lambda text: repr(view.resolve(ref(text))), text)
            answers[f"aliases of {name}"] = _answer(lambda name: _aliases(view, name), name)
        for number in range(200):
            answers[f"chunk {number}"] = _answer(lambda key: repr(view.location(key)), digest(b"chunk %d" % number))
            answers[f"node {number}"] = _answer(lambda key: view.node(key).hex(), digest(b"node %d" % number * 50))


def _aliases(view: View, name: str) -> str:
    artifact = view.artifact_by_name(name)
    return "error no artifact" if artifact is None else repr(view.aliases(artifact.serial))


def _answer(ask: Callable[[Any], str], what: object) -> str:
    try:
        return ask(what)
    except ArtfsError as error:
        return "error " + type(error).__name__


def full(root: str, mebibytes: str) -> None:
    place = CatalogPlace.make(Path(root) / "store")
    ballast = Path(root) / "ballast"
    with place.open() as catalog:
        log(catalog, contents="before")
        room = os.statvfs(root).f_bavail * os.statvfs(root).f_frsize
        assert room < int(mebibytes) << 20
        ballast.write_bytes(bytes(room))
        first = _refusal(lambda: log(catalog, contents="full", description="x" * 100_000))
        ballast.unlink()
        retried = log(catalog, contents="after").version.index
        room = os.statvfs(root).f_bavail * os.statvfs(root).f_frsize
        # Five pages less than a round number: LMDB's write is then cut short, which it reports as EIO.
        ballast.write_bytes(bytes(room - (1 << 20) - 5 * 4096))
        second = _refusal(lambda: catalog.add_content(nodes=[(os.urandom(32), bytes(2000)) for _ in range(2000)]))
        third = _refusal(lambda: log(catalog, contents="poisoned"))
    ballast.unlink()
    with place.open() as catalog:
        catalog.add_content(nodes=[(digest(b"%d" % n), b"%d" % n) for n in range(2000)])
        again = log(catalog, contents="reopened").version.index
        say({"refused": [first, second, third], "retried": [retried, again], "findings": check(catalog)})


def limit(root: str) -> None:
    """Let the index's file refuse to grow between the journal's fsync and the commit: the commit itself fails."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    fired: list[int] = []

    def fault_hook(point: FaultPoint) -> None:
        if point is FaultPoint.SYNCED:
            size = place.data.stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            fired.append(size)

    place = CatalogPlace(Path(root))
    with place.open(fault_hook) as catalog:
        logged = catalog.create_version(NewVersion("animals", description="x" * 500_000), tree("cat"), WHO)
        poisoned = catalog.environment.poisoned
        with catalog.view() as view:
            seen = view.artifact_by_name("animals") is not None
        refused = _refusal(lambda: log(catalog))
    say({"index": logged.version.index, "poisoned": poisoned, "seen": seen, "refused": refused, "fired": len(fired)})


def _refusal(change: Callable[[], object]) -> str:
    try:
        change()
    except StorageError as error:
        return errno.errorcode[error.errno]
    except ArtfsError as error:
        return type(error).__name__
    return "none"


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {
        "publish": publish,
        "kill": kill,
        "die": die,
        "look": look,
        "full": full,
        "limit": limit,
    }
    commands[sys.argv[1]](*sys.argv[2:])
