"""`artfs://NAME:ALIAS/path` in everything that reads through fsspec: pandas, polars, pyarrow, datasets, torch.

Read-only, and needs no mount. `fsspec.filesystem("artfs", store=DIR)` reads from a store that is not the default one;
what is pickled to worker processes is its path.
"""

from __future__ import annotations

import os
import posixpath
from datetime import UTC, datetime
from typing import IO, Any

from fsspec.spec import AbstractFileSystem

from artfs.api.entry import open_stored
from artfs.api.stores import shared_store
from artfs.catalog import Version
from artfs.errors import InvalidInputError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.names import EntryPath, parse_path_ref
from artfs.store.store import Store

__all__ = ["ArtfsFileSystem"]

_MAX_LINKS = 40


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
        self._store: Store | None = None

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

        Raises:
            FileNotFoundError: There is no such file.
            IntegrityError: Stored bytes are damaged.
        """
        entry = self._file(path)
        first, last, _step = slice(start, end).indices(entry.size)
        return bytes(self._live().content.read(entry, first, last - first)) if last > first else b""

    def _open(self, path: str, mode: str = "rb", **_options: Any) -> IO[bytes]:
        if mode != "rb":
            raise InvalidInputError(f"mode {mode!r} is not allowed: versions are only read; log a new one to change it")
        return open_stored(self._live(), self._file(path))

    def _live(self) -> Store:
        if self._store is None or not self._store.usable:
            self._store = shared_store(self._directory, create=False)
        return self._store

    def _file(self, path: str) -> Entry:
        path = self._strip_protocol(path)
        entry = self._find(path)[2]
        if entry.kind == Kind.DIRECTORY:
            raise IsADirectoryError(path)
        return entry

    def _find(self, path: str) -> tuple[Version, EntryPath, Entry]:
        """The version, the place in it and the entry of a path; links in the version are followed at its end."""
        try:
            ref, parts = parse_path_ref(path)
            version = self._live().version(ref)
            for _link in range(_MAX_LINKS):
                entry = self._live().entry(version, parts)
                if entry.kind != Kind.SYMLINK:
                    return version, parts, entry
                parts = _followed(parts, entry.extra)
        except (NotFoundError, InvalidInputError) as error:
            raise FileNotFoundError(f"{path}: {error}") from error
        raise FileNotFoundError(f"{path}: too many symlinks")

    def _info_of(self, version: Version, parts: EntryPath, name: str, row: Entry) -> dict[str, Any]:
        """What is told of a child; a link is what it leads to, where that is in the version."""
        if row.kind == Kind.SYMLINK:
            try:
                row = self._find(f"{self._ref(version)}/{os.fsdecode(b'/'.join((*parts, row.name)))}")[2]
            except FileNotFoundError:
                return {**_info(name, row), "type": "link"}
        return _info(name, row)

    def _ref(self, version: Version) -> str:
        with self._live().catalog.view() as view:
            return str(view.ref(version))


def _followed(parts: EntryPath, target: bytes) -> EntryPath:
    path = posixpath.normpath(posixpath.join(*parts[:-1], target) if len(parts) > 1 else target)
    if path.startswith((b"/", b"..")):
        raise NotFoundError("a symlink leads out of the version")
    return () if path == b"." else tuple(path.split(b"/"))


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
