"""Write a version out as ordinary files.

Every step goes through directory descriptors and follows no symlink, so nothing that is in the way can lead outside the
destination. A file is written beside its place and renamed over it, so an interrupted run leaves only whole files; the
next run keeps those whose contents are right and goes on from there.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from artfs.chunks.handover import pwrite_all
from artfs.errors import (
    ArtfsError,
    ReferenceGoneError,
    ReferenceUnreadableError,
    StorageError,
    UnsafeTargetError,
)
from artfs.format.node import Entry, Kind
from artfs.names import quoted
from artfs.store.compare import same_contents
from artfs.store.links import leads_outside
from artfs.store.progress import Progress, Quiet
from artfs.store.store import Store

__all__ = ["Extracted", "extract"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = b".artfs-get-"


@dataclass(slots=True)
class Extracted:
    """What was written.

    Attributes:
        files: Files written.
        size: Their bytes.
        kept: Files that were there already with the right contents.
    """

    files: int = 0
    size: int = 0
    kept: int = 0


def extract(
    store: Store,
    entry: Entry,
    destination: Path,
    *,
    allow_escaping_links: bool = False,
    allow_missing_references: bool = False,
    select: Callable[[bytes, Entry], bool] | None = None,
    progress: Progress | None = None,
) -> Extracted:
    """Write an entry out: a directory's contents into `destination`, anything else as `destination`.

    Args:
        store: Where it is stored.
        entry: What to write.
        destination: Directory (made if missing) or file to write.
        allow_escaping_links: Write symlinks that are absolute or lead outside too.
        allow_missing_references: Leave out references whose source is gone, or of a scheme that artfs cannot read.
        select: Says which entries of a directory are written, by path; nothing below one that is not.
        progress: Is told how far it is.

    Returns:
        What was done.

    Raises:
        SourceError: The source of a reference is gone, has changed or cannot be read; nothing stands in its place.
        UnsafeTargetError: A symlink leads outside, or something that is no directory is in the way.
        IntegrityError: Stored bytes are damaged; the file that they belong to was not written.
        StorageError: The file system refused.
    """
    job = _Extraction(store, allow_escaping_links, allow_missing_references, select or _everything, progress or Quiet())
    target = os.fsencode(os.path.abspath(destination))
    parent, name = (target, b"") if entry.kind == Kind.DIRECTORY else os.path.split(target)
    try:
        os.makedirs(parent, exist_ok=True)
        with _opened(parent) as top:
            if entry.kind == Kind.DIRECTORY:
                job.count(entry)
                job.directory(top, entry)
            else:
                job.single(entry)
                job.one(top, entry._replace(name=name), b"")
    except ArtfsError:  # one that is an OSError too says more than the system's number
        raise
    except OSError as error:
        raise StorageError.of(error, f"writing {quoted(error.filename or target)}") from error
    return job.done


@contextmanager
def _opened(path: bytes) -> Iterator[int]:
    descriptor = os.open(path, _DIRECTORY & ~os.O_NOFOLLOW)  # the destination itself is the user's word
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class _Extraction:
    def __init__(
        self,
        store: Store,
        allow_escaping_links: bool,
        allow_missing: bool,
        select: Callable[[bytes, Entry], bool],
        progress: Progress,
    ) -> None:
        self._store = store
        self._allow = allow_escaping_links
        self._allow_missing = allow_missing
        self._select = select
        self._progress = progress
        self._root: Entry | None = None
        self.done = Extracted()

    def count(self, top: Entry) -> None:
        """Tell the progress what is to come, and refuse escaping links before anything is written."""
        self._root = top
        files = size = 0
        for path, entry in self._store.walk(top):
            if self._select(path, entry):
                files += entry.kind == Kind.FILE
                size += entry.size if entry.kind != Kind.DIRECTORY else 0
                self._check_link(path, entry)
        self._progress.total(files, size)

    def single(self, entry: Entry) -> None:
        """Tell the progress that one entry is all there is."""
        self._progress.total(int(entry.kind == Kind.FILE), entry.size)

    def _check_link(self, path: bytes, entry: Entry) -> None:
        if entry.kind != Kind.SYMLINK or self._allow:
            return
        if leads_outside(path.split(b"/"), entry.extra, self._find):
            raise UnsafeTargetError(
                f"symlink {quoted(path)} leads outside to {quoted(entry.extra)}: "
                "nothing was written; allow it with --allow-escaping-links"
            )

    def _find(self, path: Sequence[bytes]) -> Entry | None:
        """The entry at a path below what is written out."""
        entry = self._root
        for name in path:
            if entry is None or entry.kind != Kind.DIRECTORY:
                return None
            found = self._store.pages.find(entry.node, name)
            entry = None if found is None else found[0]
        return entry

    def directory(self, top: int, root: Entry) -> None:
        """Write the contents of a directory into an open one, depth first, without recursion."""
        stack = [(top, root, b"", self._store.children(root))]
        try:
            while stack:
                here, entry, path, children = stack[-1]
                child = next(children, None)
                if child is None:
                    os.fchmod(here, entry.mode)
                    os.utime(here, ns=(entry.mtime_ns, entry.mtime_ns))
                    stack.pop()
                    if here != top:
                        os.close(here)
                elif not self._select(path + child.name, child):
                    continue
                elif child.kind == Kind.DIRECTORY:
                    inner = _make_directory(here, child.name, path)
                    stack.append((inner, child, path + child.name + b"/", self._store.children(child)))
                else:
                    self.one(here, child, path)
        finally:
            for here, _entry, _path, _children in stack:
                if here != top:
                    os.close(here)

    def one(self, here: int, entry: Entry, path: bytes) -> None:
        """Write a file or symlink into an open directory, unless it is there already."""
        if entry.kind == Kind.SYMLINK:
            self._check_link(path + entry.name, entry)
            write, same = _write_link, _same_link
        else:
            write, same = self._write_file, self._same_file
        if same(here, entry):
            self.done.kept += 1
        else:
            temporary = _TEMPORARY + secrets.token_hex(8).encode()
            try:
                write(here, temporary, entry)
                os.utime(temporary, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=here, follow_symlinks=False)
                os.rename(temporary, entry.name, src_dir_fd=here, dst_dir_fd=here)
            except (ReferenceGoneError, ReferenceUnreadableError):
                if not self._allow_missing:
                    raise
                return
            except IsADirectoryError as error:
                raise _in_the_way(path + entry.name, "a directory") from error
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=here)
            self.done.files += 1
            self.done.size += entry.size
        if entry.kind == Kind.FILE:
            self._progress.advance(1, entry.size)

    def _write_file(self, here: int, name: bytes, entry: Entry) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(name, flags, 0o600, dir_fd=here), "wb", buffering=0) as file:
            size = 0
            for data in self._store.content.stream(entry):
                pwrite_all(file.fileno(), data, size)
                size += len(data)
            os.fchmod(file.fileno(), entry.mode)

    def _same_file(self, here: int, entry: Entry) -> bool:
        """Whether the file is there with these contents; its mode and time are then set."""
        try:
            descriptor = os.open(entry.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
        except OSError:
            return False
        with open(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size != entry.size:
                return False
            if not same_contents(self._store, entry, file):
                return False
            os.fchmod(descriptor, entry.mode)
            os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
            return True


def _everything(_path: bytes, _entry: Entry) -> bool:
    return True


def _make_directory(here: int, name: bytes, path: bytes) -> int:
    """Make a directory if need be, and open it; never through a symlink."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=here)
    try:
        descriptor = os.open(name, _DIRECTORY, dir_fd=here)
    except NotADirectoryError as error:
        raise _in_the_way(path + name, "a file or symlink") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _in_the_way(path + name, "a symlink") from error
        raise
    mode = os.fstat(descriptor).st_mode
    if mode & 0o700 != 0o700:
        os.fchmod(descriptor, stat.S_IMODE(mode) | 0o700)  # until its contents are written
    return descriptor


def _write_link(here: int, name: bytes, entry: Entry) -> None:
    os.symlink(entry.extra, name, dir_fd=here)


def _same_link(here: int, entry: Entry) -> bool:
    try:
        if os.readlink(entry.name, dir_fd=here) != entry.extra:
            return False
    except OSError:
        return False
    os.utime(entry.name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=here, follow_symlinks=False)
    return True


def _in_the_way(path: bytes, what: str) -> UnsafeTargetError:
    return UnsafeTargetError(f"{what} is in the way at {quoted(path)}: move it, or write to another destination")
