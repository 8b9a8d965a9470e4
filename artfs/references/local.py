"""References to local files (`file:`), identified by the BLAKE3 of their bytes.

A file is hashed as a whole before a byte of it is returned. Its inode, size and times then prove, before and after each
read, that it is still the file that was hashed; a file so young that a change might not show in its times is hashed
again, and so is one that somebody has open for writing or mapped (`files/later_changes.py`). What a mapping that is
gone did to a file of a tmpfs shows nowhere.

Files of /proc and /sys, whose size is not their length, are read as a whole each time.

A file is opened for each read: a descriptor that a mount keeps open would keep the file's own file system from being
unmounted. It would not make cold reads quicker, since the kernel reads ahead by what is in its page cache.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from urllib.parse import quote, unquote

from blake3 import blake3

from artfs.access import system_reason
from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError, SourceChangedError, SourceError
from artfs.files.later_changes import has_writer
from artfs.format.reference import Reference
from artfs.ignore_rules import read_ignore_file
from artfs.names import quoted
from artfs.references.handler import Found

__all__ = ["LocalFiles"]

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_PORTION = 8 << 20
_RACY_NS = 2_000_000_000
_MAX_PROVED = 65_536
_VIRTUAL_BYTES = os.sysconf("SC_PAGESIZE")

Identity = tuple[int, int, int, int, int]


class LocalFiles:
    """The handler of `file:`.

    Symlinks to files are followed, to directories not. Of a directory those that lead to nothing are left out.
    """

    def __init__(self) -> None:
        self._proved: OrderedDict[tuple[str, bytes], Identity] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, uri: str, *, checksum: bool) -> Iterator[Found]:
        """Yield a file, or all files below a directory that its `.artfsignore` does not name; see `Handler.find`."""
        top = _path(uri)
        if not os.path.isdir(top):
            if not os.path.exists(top):
                raise InvalidInputError(f"{quoted(top)} does not exist: a reference needs a file or directory")
            yield _found(top, b"", checksum=checksum)
            return
        try:
            rules = read_ignore_file(top)
        except OSError as error:
            raise _unread(top, error) from error
        states = {top: rules.top if rules else 0}
        for directory, children, files in os.walk(top, onerror=_unreadable):
            here = states.pop(directory)
            kept = []
            for name in sorted(children):
                path = os.path.join(directory, name)
                ignored, states[path] = rules.match(here, name, is_directory=True) if rules else (False, 0)
                if not ignored:
                    kept.append(name)
            children[:] = kept
            for name in sorted(files):
                path = os.path.join(directory, name)
                if (rules is None or not rules.match(here, name, is_directory=False)[0]) and not _is_dangling(path):
                    yield _found(path, os.path.relpath(path, top), checksum=checksum)

    def open(self, reference: Reference) -> LocalReader:
        """Return a reader of a file; see `Handler.open`."""
        return LocalReader(self, reference)

    def prove(self, descriptor: int, path: bytes, reference: Reference) -> Identity:
        """Prove that an open file has a reference's contents; return its inode, size and times.

        Raises:
            ReferenceChangedError: It has not.
        """
        now = _identity(descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or now[2] != reference.size:
            raise _changed(path)
        if reference.digest is None:
            return now
        key = reference.uri, reference.digest
        written = has_writer(descriptor)
        with self._lock:
            if self._proved.get(key) == now and not written:
                return now
        began = time.time_ns()
        if _digest(descriptor) != reference.digest or _identity(descriptor) != now:
            raise _changed(path)
        if max(now[3:]) < began - _RACY_NS and not written:
            with self._lock:
                self._proved[key] = now
                if len(self._proved) > _MAX_PROVED:
                    self._proved.popitem(last=False)
        return now


class LocalReader:
    """The reader of a local file; it holds nothing open."""

    def __init__(self, files: LocalFiles, reference: Reference) -> None:
        self._files = files
        self._reference = reference
        self._path = _path(reference.uri)

    def read(self, offset: int, size: int) -> bytes:
        """Read a range of the file if it is still the one that was referred to; see `Reader.read`."""
        path = self._path
        try:
            descriptor = os.open(path, _FLAGS)
            try:
                if not _says_length(descriptor):
                    return self._all(descriptor)[offset : offset + size]
                before = self._files.prove(descriptor, path, self._reference)
                data = os.pread(descriptor, size, offset)
                if _identity(descriptor) != before:
                    raise _changed(path)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ReferenceGoneError(f"{quoted(path)}, which the artifact refers to, is gone") from error
        except OSError as error:
            raise SourceError(f"cannot read {quoted(path)}: {system_reason(error, path)}") from error
        return data

    def _all(self, descriptor: int) -> bytes:
        """Read a whole file whose size is not its length, and compare it with the reference."""
        expected = self._reference
        data = _read_all(descriptor, expected.size + 1)
        if len(data) != expected.size or expected.digest not in {None, blake3(data).digest()}:
            raise _changed(self._path)
        return data

    def close(self) -> None:
        """Do nothing: each read closes its own descriptor."""


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
            size = before[2]
            if not _says_length(descriptor):
                data = _read_all(descriptor, _PORTION + 1)
                if len(data) > _PORTION:
                    raise SourceError(f"{quoted(path)} does not say its size, which a reference needs")
                size, digest = len(data), blake3(data).digest() if checksum else None
            else:
                digest = _digest(descriptor) if checksum else None
            if _identity(descriptor) != before:
                raise SourceChangedError(f"{quoted(path)} changed while it was read: repeat when nothing writes to it")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unread(path, error) from error
    reference = Reference("file://" + quote(os.path.abspath(path)), size, digest)
    return Found(os.fsdecode(name), os.fsdecode(os.path.basename(path)), reference, before[3])


def _is_dangling(path: bytes) -> bool:
    """Return True for a symlink that leads to nothing or in circles."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP} and os.path.islink(path)
    return False


def _digest(descriptor: int) -> bytes:
    hasher = blake3()
    offset = 0
    while data := os.pread(descriptor, _PORTION, offset):
        hasher.update(data)
        offset += len(data)
    return hasher.digest()


def _says_length(descriptor: int) -> bool:
    """Return False for a file that may be longer or shorter than it says, as those of /proc and /sys."""
    status = os.fstat(descriptor)
    return status.st_blocks > 0 or status.st_size > _VIRTUAL_BYTES or not stat.S_ISREG(status.st_mode)


def _read_all(descriptor: int, most: int) -> bytes:
    """Read a file from its beginning to its end, but at most `most` bytes."""
    data = b""
    while len(data) < most and (more := os.pread(descriptor, most - len(data), len(data))):
        data += more
    return data


def _identity(descriptor: int) -> Identity:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _unreadable(error: OSError) -> None:
    raise _unread(os.fsencode(error.filename or b""), error) from error


def _unread(path: bytes, error: OSError) -> SourceError:
    return SourceError(f"cannot read {quoted(path)}: {system_reason(error, path)}")


def _changed(path: bytes) -> ReferenceChangedError:
    return ReferenceChangedError(
        f"{quoted(path)} is not what the artifact refers to any more: bring it back, or log a new version"
    )
