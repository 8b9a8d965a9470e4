"""A history that happens on a disk which logs each write and flush."""

from __future__ import annotations

import ctypes
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.mounts.mounts import ROOT
from tests.support.torture.powercut.blocklog import BlockLog, DiskImage
from tests.support.torture.powercut.devices import make_file_system, mounted, umount

__all__ = ["STORE", "Recording"]

STORE = "store"
"""Where the store is in the file system."""

_OPTIONS = {"ext4": ["", "data=writeback", "data=journal", "nodelalloc"], "xfs": [""]}
_PAUSES = [0.0005, 0.005, 0.05, 0.2]
_HERE = Path(__file__).parent


class Recording:
    """Make a file system, let a history happen on it, and remember.

    Args:
        top: An empty directory.
        kind: Of file system.
        history: Of which kind it is to be.
        rng: Chooses.
        no_sync: Syncs do nothing where a path has this in it; empty: they do what they should.

    Attributes:
        kind: As above.
        history: As above.
        options: With which it is mounted.
        base: The image of the disk, as it was before the first record.
        log: The writes and flushes that reached the disk.
        acknowledged: What was acknowledged, in order.
    """

    def __init__(self, top: Path, kind: str, history: str, rng: random.Random, no_sync: str) -> None:
        self.kind = kind
        self.history = history
        self.options = rng.choice(_OPTIONS[kind])
        self.base = top / "base"
        make_file_system(kind, self.base)
        base = DiskImage(self.base)
        base.copy(top / "image").close()
        base.close()
        log = top / "log"
        with (
            _disk(top / "image", log, top / "disk") as disk,
            mounted(kind, disk, top / "fs", self.options) as root,
            _written_back_at_random(root, rng, often=0.0 if no_sync else 0.5),
        ):
            self.acknowledged = _play(history, root / STORE, log, rng, _preloaded(top, no_sync))
        self._swallowed = (top / "tally").stat().st_size if no_sync else 0
        self.log = BlockLog(log)

    def summary(self) -> dict[str, Any]:
        """What it was about."""
        return {
            "options": self.options,
            "records": len(self.log.records),
            "flushes": sum(record.data is None for record in self.log.records),
            "steps": [line["step"] for line in self.acknowledged],
            "swallowed": self._swallowed,
        }


@contextmanager
def _disk(image: Path, log: Path, mountpoint: Path) -> Iterator[Path]:
    mountpoint.mkdir()
    command = [sys.executable, "-m", "tests.support.torture.powercut.disk", *map(os.fspath, (image, log, mountpoint))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        try:
            yield mountpoint / "disk"
        finally:
            umount(mountpoint)


def _preloaded(top: Path, no_sync: str) -> dict[str, str]:
    """The environment of a process whose syncs do nothing."""
    if not no_sync:
        return {}
    library = top / "nosync.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, _HERE / "nosync.c", "-ldl"], check=True)
    tally = top / "tally"
    tally.touch()
    return {"LD_PRELOAD": os.fspath(library), "POWERCUT_NO_SYNC": no_sync, "POWERCUT_TALLY": os.fspath(tally)}


def _play(
    history: str, store: Path, log: Path, rng: random.Random, environment: dict[str, str]
) -> list[dict[str, Any]]:
    arguments = [history, os.fspath(store), os.fspath(log), str(rng.randrange(1 << 32))]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.torture.powercut.history", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ended.returncode, (ended.returncode, ended.stderr)
    return [json.loads(line) for line in ended.stdout.splitlines()]


@contextmanager
def _written_back_at_random(directory: Path, rng: random.Random, *, often: float) -> Iterator[None]:
    """The kernel may write things back whenever it likes: have it do so, in so large a part of histories."""
    stop = threading.Event()
    pauses = [rng.choice(_PAUSES) for _ in range(100)]
    busy = rng.random() < often

    def write_back() -> None:
        libc = ctypes.CDLL(None)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        number = 0
        while busy and not stop.wait(pauses[number % len(pauses)]):
            libc.syncfs(descriptor)
            number += 1
        os.close(descriptor)

    thread = threading.Thread(target=write_back)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
