"""A store that commands work on and `artfs mount` shows, each a process of its own, as a user has them."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from artfs.mountinfo import MountInfo, find_mount, mounts
from tests.support.commands import Ended
from tests.support.mounts.mounts import ROOT, children, troubles_of

__all__ = ["MountedStore", "content_digest"]

Argument = str | bytes | os.PathLike[str]


class MountedStore:
    """A store and places to mount it at, gone when the context is left.

    Attributes:
        top: A directory for all of it.
        store: The store's directory.
        mountpoint: An empty directory, where `mount` mounts if nothing else is said.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self.store = top / "store"
        self.mountpoint = self.place("mnt")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            left = [self.run("umount", mount.mountpoint) for mount in self.mounts()]
        finally:
            for mount in self.mounts():
                if mount.pid is not None:
                    os.kill(mount.pid, signal.SIGKILL)
                self.run("umount", "--lazy", mount.mountpoint)
        if kind is None:
            assert [ended for ended in left if ended.code or ended.err] == []
            shutil.rmtree(self.store, ignore_errors=True)  # hundreds of megabytes that nobody will look at

    def place(self, name: str) -> Path:
        """Make an empty directory to mount at."""
        path = self.top / name
        path.mkdir()
        return path

    def line(self, *arguments: Argument) -> list[bytes]:
        """The command line of a process that runs `artfs` on the store."""
        return [os.fsencode(argument) for argument in (sys.executable, "-m", "artfs.cli", "--store", self.store)] + [
            os.fsencode(argument) for argument in arguments
        ]

    def start(self, *arguments: Argument) -> subprocess.Popen[bytes]:
        """Start `artfs` and do not wait for it."""
        return subprocess.Popen(
            self.line(*arguments), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *arguments: Argument, prefix: Sequence[Argument] = ()) -> Ended:
        """Run `artfs`, by way of another program if there is a `prefix`, and tell how it ended."""
        line = [*map(os.fsencode, prefix), *self.line(*arguments)]
        ended = subprocess.run(line, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def done(self, *arguments: Argument) -> Ended:
        """Run `artfs`, which must end well and have nothing to complain of."""
        ended = self.run(*arguments)
        assert (ended.code, ended.err) == (0, b""), ended
        return ended

    def put(self, *paths: Path, name: str, more: Sequence[str] = ()) -> Path:
        """Store files or directories as a version; where it is in the mount."""
        ref = self.done("put", "-q", *paths, "-n", name, *more).text
        artifact, version = ref.split(":")
        assert artifact == name
        return self.mountpoint / artifact / version

    def mount(self, *options: str, at: Path | None = None) -> Path:
        """Mount the store; returns where."""
        place = at or self.mountpoint
        self.done("mount", place, *options)
        return place

    def umount(self, place: Path | None = None) -> None:
        """Unmount it."""
        self.done("umount", place or self.mountpoint)

    def mounts(self) -> list[MountInfo]:
        """All mounts of the store, dead or alive, the last made first."""
        return [mount for mount in reversed(mounts()) if mount.store == self.store]

    def mounted(self, place: Path | None = None) -> MountInfo:
        """What the kernel's table says of a mount."""
        found = find_mount(os.fspath(place or self.mountpoint))
        assert found is not None
        return found

    def daemon(self, place: Path | None = None) -> int:
        """The process id of the supervisor that serves a mount."""
        pid = self.mounted(place).pid
        assert pid is not None
        return pid

    def workers(self, place: Path | None = None) -> list[int]:
        """The process ids of its workers."""
        return children(self.daemon(place))

    def log(self) -> list[str]:
        """The lines that mounts of the store have logged."""
        files = sorted((self.store / "logs").glob("*.log*"))
        return [line for file in files for line in file.read_text(errors="surrogateescape").splitlines()]

    def troubles(self) -> list[str]:
        """What they have logged that is worse than information."""
        return troubles_of(self.log())

    def json(self, *arguments: Argument) -> Any:
        """The document that a command prints with `--json`."""
        return self.done(*arguments, "--json").json

    def packed(self) -> int:
        """The bytes of all packs."""
        return sum(path.stat().st_size for path in (self.store / "packs").glob("*/*.pack"))


def content_digest(path: bytes) -> bytes:
    """What stands for a file's contents in a `snapshot` where keeping them all would take too much memory."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
