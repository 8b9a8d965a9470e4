"""Drafts that real programs work in, with time limits; committed, and compared with the version entry by entry.

The tests' own process touches nothing in the mount: who waits for a file system that never answers cannot be killed.
Programs do, and one that takes too long is ended by ending the mount first.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import ROOT

__all__ = ["Draft", "Entry", "Listing", "Workshop", "contents_of", "listing_of"]

_SECONDS = 60.0
_NODE_BYTES = 256 << 10
"""What a commit writes whatever it is of, at the most: the directories on the way to the changes, and the version."""

Argument = str | bytes | Path

_ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}


class Entry(NamedTuple):
    """What an archive says of one entry of a directory, the owner aside."""

    kind: bytes
    mode: int
    mtime: str
    size: int
    contents: bytes
    target: str


Listing = dict[str, Entry]
"""Entries by path; the top is `.`."""


class Workshop:
    """A store that is mounted with its drafts, gone when the context is left.

    Attributes:
        store: The store, mounted.
        staging: Where its drafts are.
        top: A directory beside them, for what the tests need.
    """

    def __init__(self, top: Path) -> None:
        self.store = MountedStore(top)
        self.staging = self.store.place("staging")
        self.top = self.store.place("beside")

    def __enter__(self) -> Self:
        self.store.__enter__()
        try:
            self.store.done("init")
            self.store.mount("--staging", os.fspath(self.staging))
        except BaseException:
            self.store.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.__exit__(kind, error, trace)

    def stage(self, name: str, *options: str) -> Draft:
        """Open a draft; `--new`: of an artifact that is to be made."""
        assert self.store.done("stage", name, *options).text == os.fspath(self.staging / name)
        return Draft(self, name)

    def run(self, *command: Argument, at: Path, stdin: bytes = b"", seconds: float = _SECONDS) -> bytes:
        """Run a program that must end well, in time, and complain of nothing; its output."""
        process = subprocess.Popen(
            command,
            cwd=at,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_ENVIRONMENT},
            start_new_session=True,
        )
        try:
            out, err = process.communicate(stdin, seconds)
        except BaseException:
            self._end_mounts()
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        assert (process.returncode, err) == (0, b""), (command, process.returncode, out[-2000:], err[-4000:])
        return out

    def _end_mounts(self) -> None:
        """End what serves the mounts, so that whatever waits for an answer gets an error."""
        for mount in self.store.mounts():
            if mount.pid is not None:
                os.kill(mount.pid, signal.SIGKILL)
            self.store.run("umount", "--lazy", mount.mountpoint)

    def python(self, program: str, *arguments: object, at: Path | None = None) -> bytes:
        """Run one of the programs of `tests.support.programs.staged_child`."""
        words = [os.fspath(word) if isinstance(word, Path) else str(word) for word in arguments]
        where = [] if at is None else ["--at", os.fspath(at)]
        return self.run(sys.executable, "-m", "tests.support.programs.staged_child", *where, program, *words, at=ROOT)

    def list(self, directory: Path) -> Listing:
        """What `tar` says of a directory, hard links being files."""
        archive = self.top / "listed.tar"
        command = ["tar", "--create", "--format=pax", "--pax-option=delete=atime,delete=ctime", "--sort=name"]
        self.run(*command, "--hard-dereference", "--file", archive, ".", at=directory)
        return listing_of(archive)


class Draft:
    """An open draft.

    Attributes:
        name: Its name, and its artifact's.
        top: Its directory.
        ref: The version that the last commit made.
    """

    def __init__(self, workshop: Workshop, name: str) -> None:
        self.name = name
        self.top = workshop.staging / name
        self.ref = ""
        self._workshop = workshop

    def run(self, *command: Argument, at: str = "", stdin: bytes = b"") -> bytes:
        """Run a program in the draft, or in a directory of it."""
        return self._workshop.run(*command, at=self.top / at, stdin=stdin)

    def python(self, program: str, *arguments: object) -> bytes:
        """Run one of the programs of `tests.support.programs.staged_child` in the draft."""
        return self._workshop.python(program, *arguments, at=self.top)

    def commit(self, *, adds: int | None = None) -> Listing:
        """Commit it: the version must equal the draft, which must be what it was, read again from the store.

        Args:
            adds: How many bytes of data the version has that no version before it had, at the most.

        Returns:
            What is in both.
        """
        workshop = self._workshop
        before = workshop.list(self.top)
        packed = workshop.store.packed()
        self.ref = workshop.store.done("commit", self.top).text
        if adds is not None:
            added = workshop.store.packed() - packed
            assert added <= adds + _NODE_BYTES, added
        _assert_same(workshop.list(workshop.store.mountpoint.joinpath(*self.ref.split(":"))), before)
        self.python("forget_contents")
        _assert_same(workshop.list(self.top), before)
        assert self.run("cat", ".artfs/status") == f"{self.name} from {self.ref}\n".encode()  # and no changes
        return before

    def reopen(self) -> None:
        """Close it, which it allows since nothing was touched, and open it over the version that was committed."""
        self._workshop.store.done("discard", self.top)
        self._workshop.stage(self.name)

    def discard(self) -> None:
        """Close it, whatever is in it."""
        self._workshop.store.done("discard", "--force", self.top)


def contents_of(data: bytes) -> bytes:
    """What an entry has for its contents."""
    return hashlib.blake2b(data, digest_size=16).digest()


def listing_of(archive: Path) -> Listing:
    """What is in an archive that GNU tar made."""
    with tarfile.open(archive) as file:
        return {member.name: _entry(file, member) for member in file}


def _entry(file: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    data = file.extractfile(member) if member.isfile() else None
    contents = contents_of(data.read()) if data is not None else b""
    mtime = member.pax_headers.get("mtime", str(int(member.mtime)))  # the attribute is a float, which rounds
    return Entry(member.type, member.mode, mtime, member.size, contents, member.linkname)


def _assert_same(found: Listing, expected: Listing) -> None:
    """What differs is a few of thousands of entries, so only those are shown."""
    names: Sequence[str] = sorted(found.keys() | expected.keys())
    differing = {name: (found.get(name), expected.get(name)) for name in names if found.get(name) != expected.get(name)}
    assert not differing, differing
