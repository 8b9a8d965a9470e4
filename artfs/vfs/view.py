"""File tree of the read-only mount: artifacts, versions, aliases, and the entries of versions.

It knows no protocol: `fuse/readonly` translates it to FUSE. Its only state is a cache of immutable facts, so any number
of processes may answer for the same tree.

    /                   a directory per artifact of no project, and per project
    /zoo/               a project: a directory per artifact of it
    /animals/           versions and aliases
    /animals/latest     a symlink to `vN`
    /animals/v3/...     the version's entries

What is in a version is immutable, all above it volatile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from artfs.catalog import AliasRow, Artifact, Version
from artfs.errors import IntegrityError, InvalidInputError, NotFoundError, SourceError
from artfs.format.digest import Data
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.names import printable, project_of
from artfs.store import Store, root_entry
from artfs.store.reader_leases import OpenCounts
from artfs.store.tree.holes import hole_bytes
from artfs.vfs.attributes import DIRECTORY_SIZE, Attr, attr_of_entry
from artfs.vfs.catalog_cache import CatalogCache
from artfs.vfs.inodes import PROJECT_POSITION, ROOT_INODE, inode, position_of, serial_of

__all__ = ["StoreView"]

_MAX_ENTRIES = 4096
_PROJECTS = 1 << 40  # the first offset of projects in the root directory
_ROWS_AT_A_TIME = 64  # about as many as one answer to the kernel has room for


class StoreView:
    """The tree of one store, read-only.

    Args:
        store: The store, opened in this process.
        counts: Counts the open files of each version; None: they are not counted, and gc does not wait for them.
    """

    def __init__(self, store: Store, counts: OpenCounts | None = None) -> None:
        self._store = store
        self._counts = counts
        self._catalog = store.catalog
        self._pages = store.pages
        self._rows = CatalogCache(store.catalog)
        self._version = lru_cache(_MAX_ENTRIES)(self._find_version)
        self._entries: dict[int, Entry] = {}

    def _find_version(self, serial: int) -> Version | None:
        """Return the version of a serial, None if it is an artifact's or alias's (an unknown serial is not cached)."""
        with self._catalog.view() as view:
            found = view.by_serial(serial)
        if found is None:
            raise NotFoundError("no such inode")
        return found if isinstance(found, Version) else None

    def _entry(self, ino: int) -> Entry:
        """Return the entry of an inode inside a version."""
        return self._entries.get(ino) or self._cache_entry(ino, self._find_entry(ino))

    def _cache_entry(self, ino: int, entry: Entry) -> Entry:
        """Cache an entry: what is looked up is read next. Starting over is cheaper than finding the oldest."""
        if len(self._entries) >= _MAX_ENTRIES:
            self._entries.clear()
        self._entries[ino] = entry
        return entry

    def _find_entry(self, ino: int) -> Entry:
        version = self._version(serial_of(ino))
        if version is None:
            raise NotFoundError("no such inode")
        position = position_of(ino)
        try:
            return self._pages.descend(version.tree.root, position - 1) if position else root_entry(version)
        except IntegrityError as error:
            raise self._explain(ino, error) from error

    def _explain(self, ino: int, error: IntegrityError) -> IntegrityError | NotFoundError:
        """Return the reason why pages of a version cannot be read: if gc has removed it, that is no damage."""
        with self._catalog.view() as view:
            version = view.by_serial(serial_of(ino))
        gone = not isinstance(version, Version) or version.removed
        return NotFoundError("the version was removed") if gone else error

    def _row(self, ino: int) -> Artifact | AliasRow | Version:
        row = self._rows.by_serial(serial_of(ino))
        if row is None or position_of(ino):
            raise NotFoundError("no such inode")
        return row

    def _project(self, ino: int) -> str | None:
        """Return the project that an inode is the directory of; None if it is another's."""
        if position_of(ino) != PROJECT_POSITION:
            return None
        row = self._rows.by_serial(serial_of(ino))
        project = project_of(row.name) if isinstance(row, Artifact) else None
        return None if project is None or self._rows.project_serial(project) is None else project

    def attr(self, ino: int) -> Attr:
        """Return the attributes of an inode.

        Raises:
            NotFoundError: It does not exist (any more).
        """
        if ino == ROOT_INODE:
            return self._root()
        if self._version(serial_of(ino)) is not None:
            return self._attr_of_entry(self._entry(ino), ino)
        if self._project(ino) is not None:
            return self._root()._replace(ino=ino)
        return self._attr_of_row(self._row(ino))

    def _attr_of_entry(self, entry: Entry, ino: int) -> Attr:
        """Make the attributes of one entry, its holes counted."""
        attr = attr_of_entry(entry, ino)
        if attr.holes is not None:
            return attr
        try:
            holes = hole_bytes(self._pages, entry, self._store.layout.format.chunker.max_size)
        except IntegrityError:  # a reader will get it
            holes = 0
        return attr._replace(holes=holes)

    def is_volatile(self, ino: int) -> bool:
        """Return whether names come and go in a directory (the root and artifacts; in versions they do not)."""
        return ino == ROOT_INODE or self._version(serial_of(ino)) is None

    def _root(self) -> Attr:
        newest = os.stat(self._store.layout.journal).st_mtime_ns
        return Attr(ROOT_INODE, stat.S_IFDIR | 0o555, DIRECTORY_SIZE, newest, volatile=True)

    def _attr_of_row(self, row: Artifact | AliasRow | Version) -> Attr:
        if isinstance(row, AliasRow):
            return Attr(inode(row.serial), stat.S_IFLNK | 0o777, len(b"v%d" % row.index), 0, volatile=True)
        if isinstance(row, Artifact):
            return Attr(inode(row.serial), stat.S_IFDIR | 0o555, DIRECTORY_SIZE, row.created_ns, volatile=True)
        return attr_of_entry(root_entry(row), inode(row.serial))._replace(volatile=True)

    def lookup(self, parent: int, name: bytes) -> Attr | None:
        """Return the attributes of the entry `name` of a directory, None if there is none.

        Raises:
            NotFoundError: The directory does not exist.
        """
        if parent == ROOT_INODE:
            return self._lookup_artifact(name)
        if self._version(serial_of(parent)) is None:
            if (project := self._project(parent)) is not None:
                return self._lookup_artifact(f"{project}/".encode() + name)
            return self._lookup_version(parent, name)
        directory = self._entry(parent)
        try:
            found = self._pages.find(directory.node, name) if directory.kind == Kind.DIRECTORY else None
        except IntegrityError as error:
            raise self._explain(parent, error) from error
        if found is None:
            return None
        ino = parent + 1 + found[1]
        return self._attr_of_entry(self._cache_entry(ino, found[0]), ino)

    def _lookup_artifact(self, name: bytes) -> Attr | None:
        try:
            text = name.decode()
        except UnicodeDecodeError:
            return None
        artifact = self._rows.artifact(text)
        if artifact is not None:
            return self._attr_of_row(artifact)
        serial = self._rows.project_serial(text)
        return None if serial is None else self._root()._replace(ino=inode(serial, PROJECT_POSITION))

    def _lookup_version(self, parent: int, name: bytes) -> Attr | None:
        try:
            row = self._rows.member(serial_of(parent), name.decode())
        except (UnicodeDecodeError, InvalidInputError):
            return None
        return None if row is None else self._attr_of_row(row)

    def readlink(self, ino: int, _caller: int = 0, /) -> bytes:
        """Return the target of a symlink, the same for every caller.

        Raises:
            NotFoundError: No such symlink.
        """
        if self._version(serial_of(ino)) is not None:
            entry = self._entry(ino)
            if entry.kind == Kind.SYMLINK:
                return entry.extra
        else:
            row = self._row(ino)
            if isinstance(row, AliasRow):
                return b"v%d" % row.index
        raise NotFoundError("not a symlink")

    def listdir(self, ino: int, offset: int = 0) -> Iterator[tuple[bytes, Attr, int]]:
        """List a directory from an offset on; each entry comes with the offset of the next. Holes are not counted.

        Offsets are valid as long as the directory exists, also when entries are added or removed meanwhile.

        Raises:
            NotFoundError: No such directory.
        """
        if ino == ROOT_INODE:
            yield from self._list_root(offset)
            return
        if (project := self._project(ino)) is not None:
            yield from self._list_project(project, offset)
            return
        if self.is_volatile(ino):
            yield from self._list_rows(serial_of(ino), offset)
            return
        try:
            for position, entries in self._pages.runs(self._entry(ino).node, offset):
                for entry in entries:
                    next_position = position + entry.below + 1
                    yield entry.name, attr_of_entry(entry, ino + 1 + position), next_position
                    position = next_position  # noqa: PLW2901 # of the next entry
        except IntegrityError as error:
            raise self._explain(ino, error) from error

    def _list_root(self, offset: int) -> Iterator[tuple[bytes, Attr, int]]:
        """List the artifacts of no project, and behind them the projects, whose offsets are above all serials."""
        if offset < _PROJECTS:
            for name, attr, serial in self._list_rows(0, offset):
                if b"/" not in name:
                    yield name, attr, serial
        with self._catalog.view() as view:
            serials = [(view.project_serial(project) or 0, project) for project in view.projects()]
        for serial, project in sorted(serials):
            if _PROJECTS + serial > offset:
                attr = self._root()._replace(ino=inode(serial, PROJECT_POSITION))
                yield project.encode(), attr, _PROJECTS + serial

    def _list_project(self, project: str, offset: int) -> Iterator[tuple[bytes, Attr, int]]:
        with self._catalog.view() as view:
            serials = sorted(row.serial for _name, row in view.names_in(project) if row.serial > offset)
        for serial in serials:
            row = self._rows.by_serial(serial)
            if isinstance(row, Artifact):
                yield row.name.rpartition("/")[2].encode(), self._attr_of_row(row), serial

    def _list_rows(self, parent: int, offset: int) -> Iterator[tuple[bytes, Attr, int]]:
        while True:
            with self._catalog.view() as view:
                rows = list(islice(view.children(parent, offset), _ROWS_AT_A_TIME))
            for row in rows:
                yield row.name.encode(), self._attr_of_row(row), row.serial
            if len(rows) < _ROWS_AT_A_TIME:
                return
            offset = rows[-1].serial

    def opened(self, ino: int, _caller: int = 0, /) -> None:
        """Note that a file is opened: gc keeps its bytes until it is closed.

        Raises:
            NotFoundError: gc has removed its version.
        """
        if self._counts is None:
            return
        serial = serial_of(ino)
        self._counts.opened(serial)  # first count, then look: gc does it the other way round
        version = self._rows.by_serial(serial)
        if not isinstance(version, Version) or version.removed:
            self._counts.closed(serial)
            raise NotFoundError("the version was removed")

    def closed(self, ino: int) -> None:
        """Note that a file is closed, which any process may have opened."""
        if self._counts is not None:
            self._counts.closed(serial_of(ino))

    def read(self, ino: int, offset: int, size: int) -> Data:
        """Read from a file or the target of a reference, verified; shorter than `size` only at its end.

        Raises:
            NotFoundError: No such file.
            IntegrityError: Stored bytes are damaged.
            SourceError: The target of a reference is gone or has changed.
        """
        entry = self._entry(ino)
        if entry.kind not in {Kind.FILE, Kind.REFERENCE}:
            raise NotFoundError("not a file")
        try:
            return self._store.content.read(entry, offset, size)
        except IntegrityError as error:
            raise IntegrityError(f"{self.describe(ino)}: {error}") from error
        except SourceError as error:
            raise SourceError(f"{self.describe(ino)}: {error}") from error

    def describe(self, ino: int) -> str:
        """Name an inode for a log line: version and path."""
        version = self._version(serial_of(ino))
        if version is None:
            return f"inode {ino}"
        with self._catalog.view() as view:
            ref = view.ref(version)
        position = position_of(ino)
        trail = self._pages.trail(version.tree.root, position - 1) if position else []
        return "/".join([str(ref), *(printable(entry.name) for entry in trail)])

    def xattr(self, ino: int, name: bytes) -> bytes | None:
        """Return a virtual extended attribute of an entry of a version, None if there is none of that name."""
        if ino == ROOT_INODE or not name.startswith(b"user.artfs."):
            return None
        version = self._version(serial_of(ino))
        if version is None:
            return None
        with self._catalog.view() as view:
            artifact = view.artifact(version.artifact)
        if artifact is None:
            return None
        entry = self._entry(ino)
        reference = decode_reference(entry) if entry.kind == Kind.REFERENCE else None
        values = {
            b"ref": f"{artifact.name}:{version.name}".encode(),
            b"type": artifact.type.encode(),
            b"digest": entry.digest.hex().encode(),
            b"uri": reference.uri.encode() if reference else None,
            b"etag": reference.etag.encode() if reference and reference.etag else None,
            b"logged_by": version.logged_by.encode() if version.logged_by else None,
        }
        return values.get(name.removeprefix(b"user.artfs."))

    def statfs(self) -> os.statvfs_result:
        """Return what statvfs(3) says of the file system that holds the store."""
        return os.statvfs(self._store.path)
