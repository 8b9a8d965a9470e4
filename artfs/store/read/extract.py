"""Extract a version: write it out as ordinary files.

Every step goes through directory descriptors and follows no symlink, so nothing at the destination can lead outside it.
A file is written under a temporary name and renamed, so an interrupted run leaves only complete files; the next run
keeps those with the right contents and goes on from there.
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

from artfs.errors import (
    ArtfsError,
    ConflictError,
    ReferenceGoneError,
    ReferenceUnreadableError,
    StorageError,
    UnsafeTargetError,
)
from artfs.files.directory_stack import DirectoryStack
from artfs.files.writes import pwrite_all
from artfs.format.node import Entry, Kind
from artfs.names import quoted
from artfs.store.progress import NullProgress, Progress
from artfs.store.read.local_copy import same_contents
from artfs.store.store import Store
from artfs.store.tree.symlink_paths import leads_outside

__all__ = ["Extracted", "extract"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = b".artfs-get-"


@dataclass(slots=True)
class Extracted:
    """Counts of an extraction.

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
    path: bytes = b"",
    allow_escaping_links: bool = False,
    allow_missing_references: bool = False,
    select: Callable[[bytes, Entry], bool] | None = None,
    may_overwrite: Callable[[bytes, bytes, int], bool] | None = None,
    progress: Progress | None = None,
) -> Extracted:
    """Write an entry out: a directory's contents into `destination`, anything else as `destination`.

    Args:
        store: Has the entry.
        entry: The directory, file, symlink or reference.
        destination: Directory (made if missing) or file to write.
        path: Of the entry in its version, for messages.
        allow_escaping_links: Also write symlinks that are absolute or lead outside.
        allow_missing_references: Leave out references whose source is gone, or of a scheme that artfs cannot read.
        select: Whether to write an entry of a directory, by path; what is below one that is not is left out too.
        may_overwrite: Whether to replace what is in a file's place, by its path (empty: the destination), its name and
            the open directory that it is in.
        progress: Counts files and bytes.

    Raises:
        ConflictError: A file is in the way that may not be overwritten; what was written before it is there.
        SourceError: The source of a reference is gone, has changed or cannot be read; nothing stands in its place.
        UnsafeTargetError: A symlink leads outside, or a file is where a directory is to be.
        IntegrityError: Stored bytes are damaged; the file that they belong to was not written.
        StorageError: The file system refused.
    """
    job = _Extraction(
        store,
        path,
        allow_escaping_links,
        allow_missing_references,
        select or _select_all,
        may_overwrite or _overwrite_all,
        progress or NullProgress(),
    )
    target = os.fsencode(os.path.abspath(destination))
    parent, name = (target, b"") if entry.kind == Kind.DIRECTORY else os.path.split(target)
    try:
        _make_destination(parent)
        with _open_directory(parent) as top:
            if entry.kind == Kind.DIRECTORY:
                job.count(entry)
                job.write_directory(top, entry)
            else:
                job.count_single(entry)
                job.write_entry(top, entry._replace(name=name), b"")
    except ArtfsError:  # some are an OSError too, and say more than the system's number
        raise
    except OSError as error:
        place = _place(error, parent, job.at)
        raise StorageError.of(error, f"writing {quoted(place)}", place) from error
    return job.done


def _place(error: OSError, top: bytes, at: bytes) -> bytes | str:
    """Return the path that a system call failed at: its own if it is whole, which no name in an open directory is."""
    if isinstance(error.filename, bytes | str) and os.path.isabs(error.filename):
        return error.filename
    return os.path.join(top, at)


def _make_destination(path: bytes) -> None:
    """Make a directory and those above it, if they are missing.

    Raises:
        UnsafeTargetError: One of them is no directory.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:  # the second below a dangling symlink
        above = path
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        raise _in_the_way(above, "a symlink" if os.path.islink(above) else "a file") from error


@contextmanager
def _open_directory(path: bytes) -> Iterator[int]:
    descriptor = os.open(path, _DIRECTORY & ~os.O_NOFOLLOW)  # the user may name the destination through a symlink
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class _Extraction:
    """One extraction.

    Attributes:
        at: Path, below the directory written to, of what is written.
        done: Counts so far.
    """

    def __init__(
        self,
        store: Store,
        path: bytes,
        allow_escaping_links: bool,
        allow_missing: bool,
        select: Callable[[bytes, Entry], bool],
        may_overwrite: Callable[[bytes, bytes, int], bool],
        progress: Progress,
    ) -> None:
        self._store = store
        self._path = path
        self._allow_escaping = allow_escaping_links
        self._allow_missing = allow_missing
        self._select = select
        self._may_overwrite = may_overwrite
        self._progress = progress
        self._root: Entry | None = None
        self.at = b""
        self.done = Extracted()

    def count(self, top: Entry) -> None:
        """Count everything for the progress, and refuse escaping links before anything is written."""
        self._root = top
        files = size = 0
        for path, entry in self._store.walk(top):
            if self._select(path, entry):
                files += entry.kind == Kind.FILE
                size += entry.size if entry.kind != Kind.DIRECTORY else 0
                self._check_link(path, entry)
        self._progress.total(files, size)

    def count_single(self, entry: Entry) -> None:
        """Set the progress for a single entry."""
        self._progress.total(int(entry.kind == Kind.FILE), entry.size)

    def _check_link(self, path: bytes, entry: Entry) -> None:
        """Refuse a symlink that leads outside; `path` is that below the entry that is extracted."""
        if entry.kind != Kind.SYMLINK or self._allow_escaping:
            return
        if leads_outside(path.split(b"/"), entry.extra, self._find):
            whole = b"/".join(filter(None, (self._path, path)))
            raise UnsafeTargetError(
                f"symlink {quoted(whole)} leads outside to {quoted(entry.extra)}: "
                "nothing was written; allow it with --allow-escaping-links"
            )

    def _find(self, path: Sequence[bytes]) -> Entry | None:
        """The entry at a path below the extracted directory."""
        entry = self._root
        for name in path:
            if entry is None or entry.kind != Kind.DIRECTORY:
                return None
            found = self._store.pages.find(entry.node, name)
            entry = None if found is None else found[0]
        return entry

    def write_directory(self, top: int, root: Entry) -> None:
        """Write the contents of a directory into an open one, depth first, without recursion."""
        stack = [(root, b"", self._store.children(root))]
        with DirectoryStack(top) as directories:
            while stack:
                entry, path, children = stack[-1]
                here, self.at = directories.here, path
                child = next(children, None)
                if child is None:
                    os.fchmod(here, entry.mode)
                    os.utime(here, ns=(entry.mtime_ns, entry.mtime_ns))
                    stack.pop()
                    if stack and not directories.leave():
                        raise UnsafeTargetError(f"{quoted(path[:-1])} was moved away while it was written: repeat")
                elif not self._select(path + child.name, child):
                    continue
                elif child.kind == Kind.DIRECTORY:
                    self.at = path + child.name
                    directories.enter(_make_directory(here, child.name, path))
                    stack.append((child, path + child.name + b"/", self._store.children(child)))
                else:
                    self.write_entry(here, child, path)

    def write_entry(self, here: int, entry: Entry, path: bytes) -> None:
        """Write a file or symlink into an open directory, unless it is there already."""
        self.at = path + entry.name
        if entry.kind == Kind.SYMLINK:
            self._check_link(path + entry.name if self._root is not None else b"", entry)
            write, same = _write_link, _same_link
        else:
            write, same = self._write_file, self._same_file
        if same(here, entry):
            self.done.kept += 1
        else:
            below = self.at if self._root is not None else b""
            if not self._may_overwrite(below, entry.name, here):
                raise ConflictError(f"{quoted(self.at)} was changed while files were written: look at it, and repeat")
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
            for offset, data in self._store.content.stream_data(entry):
                pwrite_all(file.fileno(), data, offset)
            os.ftruncate(file.fileno(), entry.size)  # it may end in a hole
            os.fchmod(file.fileno(), entry.mode)

    def _same_file(self, here: int, entry: Entry) -> bool:
        """Return whether the file is there with these contents; if so, set its mode and time."""
        try:
            descriptor = os.open(entry.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
        except OSError:
            return False
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):  # a directory cannot be opened as a file
            os.close(descriptor)
            return False
        with open(descriptor, "rb", buffering=0) as file:
            if status.st_nlink != 1 or status.st_size != entry.size:
                return False
            if not same_contents(self._store, entry, file):
                return False
            os.fchmod(descriptor, entry.mode)
            os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))
            return True


def _select_all(_path: bytes, _entry: Entry) -> bool:
    return True


def _overwrite_all(_path: bytes, _name: bytes, _here: int) -> bool:
    return True


def _make_directory(here: int, name: bytes, path: bytes) -> int:
    """Make a directory if it is missing, and open it; never through a symlink."""
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
