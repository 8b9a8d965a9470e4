"""A program that works in a draft, and knows after each call of the system what has to be there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

__all__ = ["MountGone", "Worker", "digests", "tree_of"]

_GONE: Final = frozenset({errno.ENOTCONN, errno.ECONNABORTED})
"""The errors of a mount whose processes are all dead."""
_COMMIT_SECONDS: Final = 20.0
_PIECE: Final = 100_000


class MountGone(Exception):  # noqa: N818 - it is no error of the program's
    """No process is left that would answer."""


class Worker:
    """Does one thing after the other in a draft, and goes on when one is refused, without what needs that one.

    Args:
        draft: Its directory.
        contents: What is in it: bytes by path, None for a directory.

    Attributes:
        contents: What has to be in it now.
        unsure: Paths with contents for which an error was reported: they may be old or new, there or not.
        errors: What was refused, and the error's number, in order.
        commits: What became of each commit, and what the draft had then.
    """

    def __init__(self, draft: Path, contents: dict[str, bytes | None]) -> None:
        self.draft = draft
        self.contents = contents
        self.unsure: set[str] = set()
        self.errors: list[tuple[str, int]] = []
        self.commits: list[dict[str, Any]] = []

    def work(self) -> None:
        """Copy files in, edit, rename, unlink, sync and commit.

        Raises:
            MountGone: No process is left that would answer.
        """
        self.copy("copied", b"c" * 10, sync=False)
        self.copy("synced", bytes(range(256)) * 1200, sync=True)
        self.edit("deep/b", 70_000, b"edited")
        self.rename("a", "moved")
        self.make_directory("dir")
        self.copy("dir/x", b"x" * 5000, sync=False)
        self.rename("copied", "dir/x")
        self.commit("first")
        self.edit("synced", 1000, b"once more" * 1000)
        self.unlink("moved")
        self.copy("deep/b", b"other " * 20_000, sync=True)
        self.commit("second")
        self.copy("last", b"last", sync=True)

    def after(self, name: str) -> None:
        """What a draft takes that has been through it all."""
        self.copy(name, name.encode() * 1000, sync=True)
        self.commit(name)

    def _attempt(self, what: str, paths: tuple[str, ...], call: Callable[[], Any]) -> tuple[bool, Any]:
        try:
            return True, call()
        except OSError as error:
            self.errors.append((what, error.errno or 0))
            if error.errno in _GONE:
                self.unsure.update(paths)
                raise MountGone from error
            return False, None

    def _has(self, path: str) -> bool:
        return not path or path in self.contents

    def copy(self, path: str, contents: bytes, *, sync: bool) -> None:
        """Write a file from its beginning, piece by piece."""
        if not self._has(os.path.dirname(path)):
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened, descriptor = self._attempt(f"open {path}", (path,), lambda: os.open(self.draft / path, flags, 0o644))
        if opened:
            # Whether it was cut off is only known with the rest.
            self.contents[path] = b""
            pieces = [(at, contents[at : at + _PIECE]) for at in range(0, len(contents), _PIECE)]
            self._write(path, descriptor, pieces, sync=sync)

    def edit(self, path: str, offset: int, piece: bytes) -> None:
        """Write over a part of a file."""
        if not self._has(path):
            return
        opened, descriptor = self._attempt(f"open {path}", (path,), lambda: os.open(self.draft / path, os.O_WRONLY))
        if opened:
            self._write(path, descriptor, [(offset, piece)], sync=False)

    def _write(self, path: str, descriptor: int, pieces: list[tuple[int, bytes]], *, sync: bool) -> None:
        """Write, sync if that is asked for, and close: the errors of what the kernel gathered come with any of them."""
        sure = path not in self.unsure
        try:
            for at, piece in pieces:
                done, written = self._attempt(f"write {path}", (path,), partial(os.pwrite, descriptor, piece, at))
                sure &= done and written == len(piece)
                if done:
                    self._patch(path, at, piece[:written])
            if sync:
                sure &= self._attempt(f"fsync {path}", (path,), lambda: os.fsync(descriptor))[0]
        finally:
            sure &= self._attempt(f"close {path}", (path,), lambda: os.close(descriptor))[0]
        if not sure:
            self.unsure.add(path)

    def _patch(self, path: str, at: int, piece: bytes) -> None:
        before = self.contents.get(path) or b""
        self.contents[path] = before[:at].ljust(at, b"\0") + piece + before[at + len(piece) :]

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over another if there is one."""
        if not self._has(old) or not self._has(os.path.dirname(new)):
            return
        if self._attempt(f"rename {old}", (old, new), lambda: os.rename(self.draft / old, self.draft / new))[0]:
            self.contents[new] = self.contents.pop(old)
            self.unsure.discard(new)
            if old in self.unsure:
                self.unsure.remove(old)
                self.unsure.add(new)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        if not self._has(path):
            return
        if self._attempt(f"unlink {path}", (path,), lambda: os.unlink(self.draft / path))[0]:
            del self.contents[path]
            self.unsure.discard(path)

    def make_directory(self, path: str) -> None:
        """Make a directory."""
        if self._attempt(f"mkdir {path}", (path,), lambda: os.mkdir(self.draft / path))[0]:
            self.contents[path] = None

    def commit(self, token: str) -> None:
        """Ask for a commit, and wait for what becomes of it."""
        commit = {"token": token, "state": "unknown", "tree": digests(self.contents), "unsure": sorted(self.unsure)}
        self.commits.append(commit)
        request = json.dumps({"token": token, "message": token}).encode()
        if self._attempt(f"commit {token}", (), lambda: (self.draft / ".artfs/commit").write_bytes(request))[0]:
            commit |= self._outcome(token)
            self.commits[-1] = commit

    def _outcome(self, token: str) -> dict[str, Any]:
        end = time.monotonic() + _COMMIT_SECONDS
        while time.monotonic() < end:
            read, text = self._attempt(f"result {token}", (), (self.draft / ".artfs/result").read_bytes)
            if not read:
                return {"state": "unknown"}
            results = [result for result in json.loads(text) if result["token"] == token]
            if not results:  # the process that knew of it is dead
                return {"state": "forgotten"}
            if results[-1]["state"] in {"committed", "failed"}:
                return dict(results[-1])
            time.sleep(0.002)
        return {"state": "late"}


def digests(contents: dict[str, bytes | None]) -> dict[str, str | None]:
    """What can be compared, and printed."""
    return {path: None if data is None else _digest(data) for path, data in contents.items()}


def _digest(data: bytes) -> str:
    return f"{len(data)}:{hashlib.blake2b(data, digest_size=8).hexdigest()}"


def tree_of(top: Path) -> dict[str, str | None]:
    """What is in a directory, as `digests` says it; the error in place of a file that cannot be read."""
    found: dict[str, str | None] = {}
    for directory, names, files in os.walk(top, onerror=_refuse):
        where = Path(directory).relative_to(top)
        found |= {os.fspath(where / name): None for name in names}
        found |= {os.fspath(where / name): _digest_of(Path(directory, name)) for name in files}
    return found


def _digest_of(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            pieces = list(iter(lambda: os.read(descriptor, 1 << 20), b""))
        finally:
            # The kernel reports here a time of change that it could not set, to any process that closes the file next.
            with suppress(OSError):
                os.close(descriptor)
    except OSError as error:
        return str(error)
    return _digest(b"".join(pieces))


def _refuse(error: OSError) -> None:
    raise error
