"""The fsspec file system of `artfs://NAME:ALIAS/path`, for pandas, pyarrow, datasets, torch.

Read-only, and needs no mount. `fsspec.filesystem("artfs", store=DIR)` reads from a store that is not the default one;
what is pickled to worker processes is its path. Nothing that was looked up is cached: each call follows an alias again.
Name a version by its index (`artfs://animals:v3/labels.csv`) for several calls on one version, and for a library that
caches what it read by URL, as `datasets.load_dataset` does.
"""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from typing import Any, NoReturn

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from artfs.api.projects import current_project
from artfs.api.store_pool import shared_store
from artfs.api.tracking import current_run, pinned
from artfs.catalog import Version
from artfs.errors import ArtfsError, InvalidInputError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.names import EntryPath, parse_path_ref
from artfs.store.read.symlinks import entry_at, entry_through_links
from artfs.store.store import Store

__all__ = ["ArtfsFile", "ArtfsFileSystem"]

_BLOCK = 1 << 17


class ArtfsFileSystem(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """The versions of a store as a tree: artifacts at the top, below each a version's contents.

    Args:
        store: The store's directory; by default `$ARTFS_STORE`, or the user's own.
        options: As every fsspec file system takes them.
    """

    protocol = "artfs"
    root_marker = ""

    def __init__(self, store: str | os.PathLike[str] | None = None, **options: Any) -> None:
        super().__init__(store=None if store is None else os.fspath(store), **options)
        self._store_path = store

    def ls(self, path: str, detail: bool = True, **_options: Any) -> list[Any]:
        """List a directory; the top one lists the artifacts.

        Raises:
            FileNotFoundError: There is no such path.
        """
        path = self._strip_protocol(path)
        if not path:
            with self._open_store().catalog.view() as view:
                found = [_directory(artifact.name) for artifact in view.artifacts() if view.latest(artifact.serial)]
        else:
            version, parts, entry = self._find(path)
            if entry.kind != Kind.DIRECTORY:
                found = [_info(path, entry)]
            else:
                children = list(self._open_store().children(entry))
                found = [self._info_of(version, parts, f"{path}/{os.fsdecode(row.name)}", row) for row in children]
        return found if detail else [info["name"] for info in found]

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """Return name, size, type, time and digest of a path; of a symlink that leads to nothing, its own.

        Raises:
            FileNotFoundError: There is no such path.
        """
        path = self._strip_protocol(path)
        if not path:
            return _directory("")
        try:
            return _info(path, self._find(path)[2])
        except FileNotFoundError as error:
            try:
                version, parts = self._version(path)
                return {**_info(path, entry_at(self._open_store(), version, parts)), "type": "link"}
            except (NotFoundError, InvalidInputError):
                raise error from None

    def exists(self, path: str, **_options: Any) -> bool:
        """Tell if a path leads to something; a symlink that leads to nothing does not exist, as with `os.path`."""
        path = self._strip_protocol(path)
        try:
            return not path or bool(self._find(path))
        except FileNotFoundError:
            return False

    def created(self, path: str) -> datetime:
        """Return the time at which the version that a path is in was logged."""
        version = self._find(self._strip_protocol(path))[0]
        return datetime.fromtimestamp(version.created_ns / 1e9, UTC)

    def modified(self, path: str) -> datetime:
        """Return the modification time of a path."""
        return datetime.fromtimestamp(self._find(self._strip_protocol(path))[2].mtime_ns / 1e9, UTC)

    def checksum(self, path: str) -> str:
        """Return the digest of the contents of a path."""
        return self._find(self._strip_protocol(path))[2].digest.hex()

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_options: Any) -> bytes:
        """Read a range of a file; only the chunks that it is in are read, and verified.

        Args:
            path: The file.
            start: The first byte; negative: from the end.
            end: The byte after the last one; None: the end of the file.

        Raises:
            FileNotFoundError: There is no such file, or what a reference is to is gone.
            IntegrityError: Stored bytes are damaged.
            ReferenceChangedError: What a reference is to has other contents than when it was logged.
        """
        return self.read_range(self._file(path), start, end)

    def cat_ranges(
        self,
        paths: list[str],
        starts: int | list[int | None] | None,
        ends: int | list[int | None] | None,
        max_gap: int | None = None,
        on_error: str = "return",
        **_options: Any,
    ) -> list[bytes | Exception]:
        """Read ranges of files. A path is looked up once, so all its ranges are of one version.

        Args:
            paths: A file for each range.
            starts: Their first bytes, or one for all.
            ends: The bytes after their last, or one for all.
            max_gap: Not needed: what lies between ranges costs nothing.
            on_error: `return` puts the exception in the place of the bytes, `raise` raises it.

        Raises:
            InvalidInputError: The lists have different lengths.
        """
        del max_gap
        first = starts if isinstance(starts, list) else [starts] * len(paths)
        after = ends if isinstance(ends, list) else [ends] * len(paths)
        if not len(paths) == len(first) == len(after):
            raise InvalidInputError(f"{len(paths)} paths, {len(first)} starts and {len(after)} ends: give one for each")
        files: dict[str, Entry] = {}
        found: list[bytes | Exception] = []
        for path, start, end in zip(paths, first, after, strict=True):
            try:
                if path not in files:
                    files[path] = self._file(path)
                found.append(self.read_range(files[path], start, end))
            except (ArtfsError, OSError) as error:
                if on_error != "return":
                    raise
                found.append(error)
        return found

    def mkdir(self, path: str, create_parents: bool = True, **_options: Any) -> NoReturn:
        """Refuse: versions do not change.

        Raises:
            OSError: Always, with `errno.EROFS`.
        """
        del create_parents
        raise _read_only(path)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Refuse, but for a directory that is there and may be.

        Raises:
            OSError: With `errno.EROFS`.
        """
        if not (exist_ok and self.isdir(path)):
            raise _read_only(path)

    def rmdir(self, path: str) -> NoReturn:
        """Refuse, as `mkdir`."""
        raise _read_only(path)

    def rm_file(self, path: str) -> NoReturn:
        """Refuse, as `mkdir`."""
        raise _read_only(path)

    def cp_file(self, path1: str, path2: str, **_options: Any) -> NoReturn:
        """Refuse, as `mkdir`."""
        del path1
        raise _read_only(path2)

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, cache_type: str = "readahead", **_options: Any
    ) -> ArtfsFile:
        if mode != "rb":
            raise _read_only(path)
        path = self._strip_protocol(path)
        version, _parts, entry = self._find(path)
        if entry.kind == Kind.DIRECTORY:
            raise IsADirectoryError(path)
        if entry.kind == Kind.REFERENCE and not entry.size:
            self.read_range(entry, 0, 0)  # it may not be readable at all
        name, _slash, rest = path.partition("/")
        return ArtfsFile(self, path, entry, f"{name.partition(':')[0]}:{version.name}/{rest}", block_size, cache_type)

    def read_range(self, entry: Entry, start: int | None, end: int | None) -> bytes:
        """Read a range of an entry, verified."""
        first, last, _step = slice(start, end).indices(entry.size)
        if entry.kind == Kind.REFERENCE:  # asked for also where nothing is left to read: it may not be readable at all
            return bytes(self._open_store().content.read(entry, first, max(0, last - first)))
        return bytes(self._open_store().content.read(entry, first, last - first)) if last > first else b""

    def _open_store(self) -> Store:
        return shared_store(self._store_path, create=False)

    def _file(self, path: str) -> Entry:
        path = self._strip_protocol(path)
        entry = self._find(path)[2]
        if entry.kind == Kind.DIRECTORY:
            raise IsADirectoryError(path)
        return entry

    def _find(self, path: str) -> tuple[Version, EntryPath, Entry]:
        """Return the version, the path in it without symlinks, and the entry that a path leads to."""
        try:
            version, parts = self._version(path)
            return version, *entry_through_links(self._open_store(), version, parts)
        except (NotFoundError, InvalidInputError) as error:
            raise FileNotFoundError(f"{path}: {error}") from error

    def _version(self, path: str) -> tuple[Version, EntryPath]:
        """Return the version that a path is in, and the path in it."""
        store = self._open_store()
        named = parse_path_ref(path, current_project(store))
        with store.catalog.view() as view:
            ref, parts = view.locate(named)
        return store.version(pinned(store, current_run(store), ref)), parts

    def _info_of(self, version: Version, parts: EntryPath, name: str, row: Entry) -> dict[str, Any]:
        """Return the info of a child. Links to files are followed, no others are, so that a walk ends."""
        if row.kind == Kind.SYMLINK:
            try:
                found = entry_through_links(self._open_store(), version, (*parts, row.name))[1]
            except (NotFoundError, InvalidInputError):
                found = row
            if found.kind in {Kind.DIRECTORY, Kind.SYMLINK}:
                return {**_info(name, row), "type": "link"}
            return _info(name, found)
        return _info(name, row)


class ArtfsFile(AbstractBufferedFile):  # type: ignore[misc] # fsspec has no types
    """A file of a version, open for reading. What is pickled is its path in the version that was opened.

    Args:
        files: The file system.
        path: Of the file, as it was opened.
        entry: The file.
        version_path: The path with the version's index in place of an alias.
        block_size: Bytes to read ahead; None: 128 KiB.
        cache_type: How what was read is cached, by fsspec's names.
    """

    def __init__(
        self,
        files: ArtfsFileSystem,
        path: str,
        entry: Entry,
        version_path: str,
        block_size: int | None = None,
        cache_type: str = "readahead",
    ) -> None:
        self._entry = entry
        self._version_path = version_path
        super().__init__(files, path, "rb", block_size or _BLOCK, cache_type=cache_type, size=entry.size)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return bytes(self.fs.read_range(self._entry, start, end))

    def __reduce__(self) -> tuple[object, ...]:
        return _reopened, (self.fs, self._version_path, self.blocksize, self.tell())


def _reopened(files: ArtfsFileSystem, path: str, block_size: int, position: int) -> ArtfsFile:
    file: ArtfsFile = files.open(path, block_size=block_size)
    file.seek(position)
    return file


def _read_only(path: str) -> OSError:
    return OSError(errno.EROFS, "Read-only file system: versions do not change, log a new one", path)


def _directory(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory"}


def _info(name: str, entry: Entry) -> dict[str, Any]:
    if entry.kind == Kind.DIRECTORY:
        return _directory(name)
    return {
        "name": name,
        "size": entry.size,
        "type": "file",
        "mtime": entry.mtime_ns / 1e9,
        "digest": entry.digest.hex(),
    }
