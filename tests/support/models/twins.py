"""Two directories to which the same happens: a draft in a staging mount, and one of the native file system.

`Twins` has a process of its own do it, `twins REAL DRAFT`: who waits for a file system that
never answers cannot be killed, so it must not be the test.
"""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import pickle
import select
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.libc import getdents, renameat2
from tests.support.mounts.mounts import ROOT

__all__ = ["Outcome", "Twins"]

_SECONDS = 60.0
_SAME_TIME_NS = 60 * 10**9
"""What happens to both happens within this time."""


class Outcome(NamedTuple):
    """What came of a system call: an error's number, or 0 and what it gave."""

    number: int
    value: Any = None

    def __str__(self) -> str:
        return os.strerror(self.number) if self.number else repr(self.value)


class Twins:
    """Both directories, as the test has them do things.

    Args:
        real: The native one.
        draft: The draft.
        end: Ends the file system that the draft is in, which does not answer any more.
    """

    def __init__(self, real: Path, draft: Path, end: Callable[[], None]) -> None:
        self._end = end
        command = [sys.executable, "-m", "tests.support.models.twins", os.fspath(real), os.fspath(draft)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, name: str, *arguments: object) -> Any:
        """Have the process do something."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((name, arguments), self._process.stdin)
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], _SECONDS)[0]:
            self._end()
            raise AssertionError(f"{name}{arguments} was not answered within {_SECONDS} s")
        return pickle.load(self._process.stdout)  # noqa: S301 # a child of this process

    def both(self, name: str, *arguments: object) -> Outcome:
        """Do the same to both, which has to give the same."""
        real, draft = (Outcome(*outcome) for outcome in self.ask("both", name, *arguments))
        assert draft == real, f"{name}{arguments}: {draft}, and on the native file system {real}"
        return draft

    def close(self) -> None:
        """Close all that is open."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._end()
            self._process.wait(_SECONDS)
            raise
        finally:
            self._process.stdout.close()


# ------------------------------------------------------------------------------------------------------ in the process


class _Hand:
    """System calls in one of the two."""

    def __init__(self, top: bytes) -> None:
        self.top = top
        self.files: dict[int, int] = {}
        self.maps: dict[int, mmap.mmap] = {}

    def at(self, path: bytes) -> bytes:
        return self.top + b"/" + path

    # ------------------------------------------------------------------------------------------------- by path

    def mkdir(self, path: bytes, mode: int) -> None:
        os.mkdir(self.at(path), mode)

    def rmdir(self, path: bytes) -> None:
        os.rmdir(self.at(path))

    def symlink(self, target: bytes, path: bytes) -> None:
        os.symlink(target, self.at(path))

    def readlink(self, path: bytes) -> bytes:
        return os.readlink(self.at(path))

    def link(self, path: bytes, new: bytes) -> None:
        os.link(self.at(path), self.at(new), follow_symlinks=False)

    def unlink(self, path: bytes) -> None:
        os.unlink(self.at(path))

    def rename(self, path: bytes, new: bytes, flags: int) -> None:
        renameat2(self.at(path), self.at(new), flags)

    def save(self, path: bytes, data: bytes) -> None:
        """As editors do."""
        beside = self.at(path) + b"~"
        with open(beside, "wb") as file:
            file.write(data)
        try:
            os.rename(beside, self.at(path))
        except OSError:
            os.unlink(beside)
            raise

    def chmod(self, path: bytes, mode: int) -> None:
        os.chmod(self.at(path), mode)

    def utime(self, path: bytes, atime_ns: int, mtime_ns: int) -> tuple[int, int]:
        os.utime(self.at(path), ns=(atime_ns, mtime_ns), follow_symlinks=False)
        status = os.lstat(self.at(path))
        return status.st_atime_ns, status.st_mtime_ns

    def truncate(self, path: bytes, size: int) -> None:
        os.truncate(self.at(path), size)

    def list_while_it_changes(self, path: bytes, new: bytes) -> str:
        """What stays is listed once, and what comes or goes at most once."""
        before = set(os.listdir(self.at(path)))
        descriptor = os.open(self.at(path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            seen = [entry.name for entry in getdents(descriptor, 80)]
            changed = self.at(path) + b"/" + new
            try:
                os.unlink(changed)
            except FileNotFoundError:
                os.close(os.open(changed, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except OSError as error:
                if error.errno not in {errno.EISDIR, errno.EPERM}:
                    raise
            while some := [entry.name for entry in getdents(descriptor, 80)]:
                seen += some
        finally:
            os.close(descriptor)
        counted = Counter(seen)
        missed = [name for name in before & set(os.listdir(self.at(path))) if not counted[name]]
        twice = [name for name, count in counted.items() if count > 1]
        return f"missed {sorted(missed)}, twice {sorted(twice)}"

    # ------------------------------------------------------------------------------------------------- open files

    def open(self, slot: int, path: bytes, flags: int) -> int:
        self.files[slot] = os.open(self.at(path), flags, 0o644)
        return stat.S_IFMT(os.fstat(self.files[slot]).st_mode)

    def close(self, slot: int) -> None:
        os.close(self.files.pop(slot))

    def write(self, slot: int, data: bytes) -> int:
        return os.write(self.files[slot], data)

    def pwrite(self, slot: int, data: bytes, offset: int) -> int:
        return os.pwrite(self.files[slot], data, offset)

    def pread(self, slot: int, size: int, offset: int) -> bytes:
        return os.pread(self.files[slot], size, offset)

    def ftruncate(self, slot: int, size: int) -> None:
        os.ftruncate(self.files[slot], size)

    def fstat(self, slot: int) -> tuple[int, int, int]:
        status = os.fstat(self.files[slot])
        return status.st_mode, status.st_size, status.st_nlink

    def fsync(self, slot: int) -> None:
        os.fsync(self.files[slot])

    def map(self, slot: int) -> bool:
        """Map a file that is open, instead of having it open."""
        descriptor = self.files.pop(slot)
        try:
            self.maps[slot] = mmap.mmap(descriptor, 0)
        except ValueError:  # it is empty
            return False
        finally:
            os.close(descriptor)
        return True

    def poke(self, slot: int, data: bytes, offset: int, sync: bool) -> bytes | None:
        """Write through a mapping, where the file has not become shorter; what was there before."""
        memory = self.maps[slot]
        if min(memory.size(), len(memory)) < offset + len(data):
            return None
        before = memory[offset : offset + len(data)]
        memory[offset : offset + len(data)] = data
        if sync:
            memory.flush()
        return before

    def unmap(self, slot: int) -> None:
        self.maps.pop(slot).close()

    # ------------------------------------------------------------------------------------------------- all of it

    def sync_all(self) -> None:
        for descriptor in self.files.values():
            os.fsync(descriptor)
        for memory in self.maps.values():
            memory.flush()

    def close_all(self) -> None:
        """Close all; in a dead mount that is an error, and done all the same."""
        for memory in self.maps.values():
            memory.close()
        for descriptor in self.files.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.maps.clear()
        self.files.clear()


class _Seen(NamedTuple):
    mode: int
    nlink: int
    size: int
    contents: bytes
    mtime_ns: int
    ino: int


class _Child:
    def __init__(self, real: bytes, draft: bytes) -> None:
        self._hands = _Hand(real), _Hand(draft)
        self._inodes: dict[int, int] = {}

    def both(self, name: str, *arguments: Any) -> list[tuple[int, Any]]:
        return [tuple(_outcome(getattr(hand, name), arguments)) for hand in self._hands]

    def differences(self, fresh: bool) -> list[str]:
        """How the trees differ.

        Args:
            fresh: Read contents from the file systems, not from the kernel's memory.
        """
        real, draft = (dict(_walk(hand.top, b"", fresh)) for hand in self._hands)
        found = [f"only on the native file system: {path!r}" for path in real.keys() - draft.keys()]
        found += [f"only in the draft: {path!r}" for path in draft.keys() - real.keys()]
        inodes: dict[int, int] = {}
        for path in real.keys() & draft.keys():
            one, other = real[path], draft[path]
            if one[:3] != other[:3]:
                found.append(f"{path!r} has mode, links, size {other[:3]}, and natively {one[:3]}")
            if one.contents != other.contents:
                found.append(f"{path!r} has other contents, from {_first_difference(one.contents, other.contents)} on")
            if abs(one.mtime_ns - other.mtime_ns) > _SAME_TIME_NS:
                found.append(f"{path!r} was modified at {other.mtime_ns}, and natively at {one.mtime_ns}")
            if inodes.setdefault(one.ino, other.ino) != other.ino:
                found.append(f"{path!r} is another file than its other names")
            if self._inodes.get(one.ino, other.ino) != other.ino:
                found.append(f"{path!r} was {self._inodes[one.ino]:x} and is {other.ino:x}")
        self._inodes = inodes
        return found

    def times(self) -> dict[bytes, int]:
        """When the entries of the draft were modified."""
        return {path: seen.mtime_ns for path, seen in _walk(self._hands[1].top, b"", False)}

    def writers(self) -> int:
        """How many files with names are open for writing."""
        found = set()
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            with contextlib.suppress(OSError):  # what was listed with was among them
                info = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
                writable = int(info.partition("flags:")[2].split()[0], 8) & os.O_ACCMODE
                path = os.readlink(f"/proc/self/fd/{descriptor}".encode())
                status = os.fstat(descriptor)
                if writable and path.startswith(self._hands[0].top + b"/") and status.st_nlink:
                    found.add(status.st_ino)
        return len(found)

    def ask_for_commit(self, request: dict[str, Any]) -> int:
        """Write into `commit`; 0 or the error's number."""
        control = self._hands[1].at(b".artfs/commit")
        return _outcome(lambda: Path(os.fsdecode(control)).write_bytes(json.dumps(request).encode()), ()).number

    def result(self, token: str) -> dict[str, Any] | None:
        """What came of a commit, None if the serving process does not know."""
        text = Path(os.fsdecode(self._hands[1].at(b".artfs/result"))).read_bytes()
        found = [result for result in json.loads(text) if result["token"] == token]
        return found[-1] if found else None

    def ended(self, token: str) -> dict[str, Any]:
        """Wait for a commit to end."""
        deadline = time.monotonic() + _SECONDS / 2
        while (result := self.result(token)) is not None and result["state"] in {"waiting", "committing"}:
            assert time.monotonic() < deadline, result
            time.sleep(0.002)
        return result or {"state": "unknown"}


def _outcome(call: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
    try:
        return Outcome(0, call(*arguments))
    except OSError as error:
        return Outcome(error.errno or -1)


def _walk(top: bytes, below: bytes, fresh: bool) -> Iterator[tuple[bytes, _Seen]]:
    for name in sorted(os.listdir(os.path.join(top, below))):
        path = os.path.join(below, name)
        full = os.path.join(top, path)
        status = os.lstat(full)
        contents = b""
        nlink, size = status.st_nlink, status.st_size
        if stat.S_ISREG(status.st_mode):
            contents = _read(full, fresh)
            size = os.lstat(full).st_size
        elif stat.S_ISLNK(status.st_mode):
            contents = os.readlink(full)
        else:
            nlink = size = 0  # as each file system counts them
        yield path, _Seen(status.st_mode, nlink, size, contents, status.st_mtime_ns, status.st_ino)
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(top, path, fresh)


def _read(path: bytes, fresh: bool) -> bytes:
    with open(path, "rb") as file:
        if fresh:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()


def _first_difference(one: bytes, other: bytes) -> int:
    return next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))


def _main() -> None:
    child = _Child(*map(os.fsencode, sys.argv[1:3]))
    os.umask(0o022)
    while True:
        try:
            name, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 # from its parent
        except EOFError:
            return
        pickle.dump(getattr(child, name)(*arguments), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _main()
