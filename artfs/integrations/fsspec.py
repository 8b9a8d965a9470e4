"""`artfs://NAME:ALIAS/path` in everything that reads through fsspec: pandas, pyarrow, datasets, torch.

Read-only, and needs no mount. `fsspec.filesystem("artfs", store=DIR)` reads from a store that is not the default one;
what is pickled to worker processes is its path. Nothing that was looked up is kept: an alias is followed anew at each
call. Who makes several calls and wants one version, or hands the URL to a library that keeps what it read by URL, as
`datasets.load_dataset` does, names the version by its index: `artfs://animals:v3/labels.csv`.
"""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from typing import IO, Any, NoReturn

from fsspec.spec import AbstractFileSystem

from artfs.api.capture import current_run, pinned
from artfs.api.entry import open_stored
from artfs.api.stores import shared_store
from artfs.catalog import Version
from artfs.errors import ArtfsError, InvalidInputError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.integrations.links import resolve
from artfs.names import EntryPath, parse_path_ref
from artfs.store.store import Store

__all__ = ["ArtfsFileSystem"]


class ArtfsFileSystem(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """The versions of a store, as a tree: artifacts at the top, below each the contents of the version that is named.

    Args:
        store: The store's directory; by default `$ARTFS_STORE`, or the user's own.
        options: As every fsspec file system takes them.
    """

    protocol = "artfs"
    root_marker = ""

    def __init__(self, store: str | os.PathLike[str] | None = None, **options: Any) -> None:
        super().__init__(store=None if store is None else os.fspath(store), **options)
        self._directory = store

    def ls(self, path: str, detail: bool = True, **_options: Any) -> list[Any]:
        """List a directory; the top one lists the artifacts.

        Raises:
            FileNotFoundError: There is no such path.
        """
        path = self._strip_protocol(path)
        if not path:
            with self._live().catalog.view() as view:
                found = [_directory(artifact.name) for artifact in view.artifacts() if view.latest(artifact.serial)]
        else:
            version, parts, entry = self._find(path)
            if entry.kind != Kind.DIRECTORY:
                found = [_info(path, entry)]
            else:
                children = list(self._live().children(entry))
                found = [self._info_of(version, parts, f"{path}/{os.fsdecode(row.name)}", row) for row in children]
        return found if detail else [info["name"] for info in found]

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """Tell name, size, type, time and digest of a path.

        Raises:
            FileNotFoundError: There is no such path.
        """
        path = self._strip_protocol(path)
        return _info(path, self._find(path)[2]) if path else _directory("")

    def created(self, path: str) -> datetime:
        """When the version that a path is in was logged."""
        version = self._find(self._strip_protocol(path))[0]
        return datetime.fromtimestamp(version.created_ns / 1e9, UTC)

    def modified(self, path: str) -> datetime:
        """The modification time of a path."""
        return datetime.fromtimestamp(self._find(self._strip_protocol(path))[2].mtime_ns / 1e9, UTC)

    def checksum(self, path: str) -> str:
        """What identifies the contents of a path."""
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
        return self._range(self._file(path), start, end)

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
                found.append(self._range(files[path], start, end))
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

    def _open(self, path: str, mode: str = "rb", **_options: Any) -> IO[bytes]:
        if mode != "rb":
            raise _read_only(path)
        return open_stored(self._live(), self._file(path))

    def _range(self, entry: Entry, start: int | None, end: int | None) -> bytes:
        first, last, _step = slice(start, end).indices(entry.size)
        if entry.kind == Kind.REFERENCE:  # asked for also where nothing is left to read: it may not be readable at all
            return bytes(self._live().content.read(entry, first, max(0, last - first)))
        return bytes(self._live().content.read(entry, first, last - first)) if last > first else b""

    def _live(self) -> Store:
        return shared_store(self._directory, create=False)

    def _file(self, path: str) -> Entry:
        path = self._strip_protocol(path)
        entry = self._find(path)[2]
        if entry.kind == Kind.DIRECTORY:
            raise IsADirectoryError(path)
        return entry

    def _find(self, path: str) -> tuple[Version, EntryPath, Entry]:
        """The version, the place in it and the entry of a path, whose symlinks are followed within the version."""
        try:
            ref, parts = parse_path_ref(path)
            store = self._live()
            version = store.version(pinned(store, current_run(store), ref))
            return version, *resolve(self._live(), version, parts)
        except (NotFoundError, InvalidInputError) as error:
            raise FileNotFoundError(f"{path}: {error}") from error

    def _info_of(self, version: Version, parts: EntryPath, name: str, row: Entry) -> dict[str, Any]:
        """What is told of a child. A link to a file is that file; no other is followed, so that a walk ends."""
        if row.kind == Kind.SYMLINK:
            try:
                found = resolve(self._live(), version, (*parts, row.name))[1]
            except NotFoundError:
                found = row
            if found.kind in {Kind.DIRECTORY, Kind.SYMLINK}:
                return {**_info(name, row), "type": "link"}
            return _info(name, found)
        return _info(name, row)


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
