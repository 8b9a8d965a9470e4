"""References to local files (`file:`), identified by the BLAKE3 of their bytes.

A file is hashed as a whole before a byte of it is given out. That it is still the file that was hashed is then told by
inode, size and times, before and after each read; a file so young that a change might not show in its times is hashed
again.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from urllib.parse import quote, unquote

from blake3 import blake3

from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError, SourceChangedError, SourceError
from artfs.format.reference import Reference
from artfs.names import quoted
from artfs.references.handler import Found

__all__ = ["LocalFiles"]

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_PORTION = 8 << 20
_RACY_NS = 2_000_000_000
_REMEMBERED = 65_536

Identity = tuple[int, int, int, int, int]


class LocalFiles:
    """The handler of `file:`. Symlinks to files are followed, to directories not."""

    def __init__(self) -> None:
        self._proved: OrderedDict[tuple[str, bytes], Identity] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, uri: str, *, checksum: bool) -> Iterator[Found]:
        """Yield a file, or all files below a directory, by name; see `Handler.find`."""
        top = _path(uri)
        if not os.path.isdir(top):
            if not os.path.exists(top):
                raise InvalidInputError(f"{quoted(top)} does not exist: a reference needs a file or directory")
            yield _found(top, b"", checksum=checksum)
            return
        for directory, children, files in os.walk(top, onerror=_unreadable):
            children.sort()
            for name in sorted(files):
                path = os.path.join(directory, name)
                yield _found(path, os.path.relpath(path, top), checksum=checksum)

    def read(self, reference: Reference, offset: int, size: int) -> bytes:
        """Read a range of a file that is still the one that was referred to; see `Handler.read`."""
        path = _path(reference.uri)
        try:
            descriptor = os.open(path, _FLAGS)
            try:
                before = self._proof(descriptor, path, reference)
                data = os.pread(descriptor, size, offset)
                if _identity(descriptor) != before:
                    raise _changed(path)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ReferenceGoneError(f"{quoted(path)}, which the artifact refers to, is gone") from error
        except OSError as error:
            raise SourceError(f"cannot read {quoted(path)}: {error.strerror or error}") from error
        return data

    def _proof(self, descriptor: int, path: bytes, reference: Reference) -> Identity:
        """Prove that an open file has the contents that a reference says."""
        now = _identity(descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or now[2] != reference.size:
            raise _changed(path)
        if reference.digest is None:
            return now
        key = reference.uri, reference.digest
        with self._lock:
            if self._proved.get(key) == now:
                return now
        began = time.time_ns()
        if _digest(descriptor) != reference.digest or _identity(descriptor) != now:
            raise _changed(path)
        if max(now[3:]) < began - _RACY_NS:
            with self._lock:
                self._proved[key] = now
                if len(self._proved) > _REMEMBERED:
                    self._proved.popitem(last=False)
        return now


def _path(uri: str) -> bytes:
    rest = uri[len("file:") :]
    if rest.startswith("//"):
        host, _slash, rest = rest[2:].partition("/")
        if host not in {"", "localhost"}:
            raise InvalidInputError(f"{quoted(uri)} is on another host: write file:///PATH with an absolute path")
        rest = "/" + rest
    path = os.fsencode(unquote(rest, errors="surrogateescape"))
    if not path.startswith(b"/") or b"\0" in path:
        raise InvalidInputError(f"{quoted(uri)} has no absolute path: write file:///PATH")
    return path


def _found(path: bytes, name: bytes, *, checksum: bool) -> Found:
    try:
        descriptor = os.open(path, _FLAGS)
        try:
            before = _identity(descriptor)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InvalidInputError(f"{quoted(path)} is no file: a reference needs one")
            digest = _digest(descriptor) if checksum else None
            if _identity(descriptor) != before:
                raise SourceChangedError(f"{quoted(path)} changed while it was read: repeat when nothing writes to it")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unread(path, error) from error
    reference = Reference("file://" + quote(os.path.abspath(path)), before[2], digest)
    return Found(os.fsdecode(name), os.fsdecode(os.path.basename(path)), reference, before[3])


def _digest(descriptor: int) -> bytes:
    hasher = blake3()
    offset = 0
    while data := os.pread(descriptor, _PORTION, offset):
        hasher.update(data)
        offset += len(data)
    return hasher.digest()


def _identity(descriptor: int) -> Identity:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _unreadable(error: OSError) -> None:
    raise _unread(os.fsencode(error.filename or b""), error) from error


def _unread(path: bytes, error: OSError) -> SourceError:
    return SourceError(f"cannot read {quoted(path)}: {error.strerror or error}")


def _changed(path: bytes) -> ReferenceChangedError:
    return ReferenceChangedError(
        f"{quoted(path)} is not what the artifact refers to any more: bring it back, or log a new version"
    )
