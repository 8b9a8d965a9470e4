"""The store: what the layers below make together, opened as one thing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from artfs.catalog import (
    Actor,
    Catalog,
    Environment,
    Journal,
    Logged,
    NewVersion,
    Version,
    check_deaths,
    current_actor,
)
from artfs.chunks.cache import PlainCache
from artfs.chunks.held import RecentChunks
from artfs.chunks.reader import PackReader
from artfs.errors import IntegrityError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.format.pack import Location
from artfs.names import EntryPath, VersionRef, quoted
from artfs.store.content import ContentReader
from artfs.store.layout import Layout, create_layout, read_layout
from artfs.store.progress import Progress, Quiet
from artfs.store.readers import Reader, ReaderCounts
from artfs.store.source import Source
from artfs.store.tree.diff import Difference, diff_trees
from artfs.store.tree.pages import Pages

__all__ = ["Store", "open_store"]


def open_store(path: str | os.PathLike[str], *, create: bool = False, suspect: bool = False) -> Store:
    """Open the store in a directory.

    Args:
        path: The store's directory.
        create: Make a store there if there is none.
        suspect: Open it even if a process died of its index: to serve what can be served until it is repaired.

    Raises:
        StoreNotFoundError: There is no store, and `create` is False.
        StoreFormatError: The store is of a format that this artfs does not know.
        IntegrityError: The store is damaged, or a process died of its index and it was not looked at since.
    """
    root = Path(os.path.abspath(path))
    layout = create_layout(root, _create_catalog) if create else read_layout(root)
    if not suspect:
        check_deaths(layout.index)
    return Store(layout, RecentChunks())


class Store:
    """An open store. Use it in the process that opened it; a child opens its own after fork.

    Args:
        layout: Where things are.
        cache: Decompressed chunks that others have too.
        before_loading: Called before a tree node is looked up in the index, which may wait for the disk.

    Attributes:
        layout: As given.
        catalog: Artifacts, versions, aliases, and the index of chunks and nodes.
        pages: Tree nodes, decoded.
        content: Contents of files.
    """

    def __init__(
        self, layout: Layout, cache: PlainCache | None = None, before_loading: Callable[[], None] = lambda: None
    ) -> None:
        self.layout = layout
        self.catalog = _open_catalog(layout)
        self.packs = PackReader(layout.packs, cache)
        self._before_loading = before_loading
        self.pages = Pages(self.node)
        self.content = ContentReader(self.pages, self.locate, self.packs)
        self._pid = os.getpid()
        self._closed = False
        self._reader: Reader | None = None
        self._counts: ReaderCounts | None = None
        self._held: set[int] = set()
        self._counting = Lock()

    @property
    def path(self) -> Path:
        """The store's directory."""
        return self.layout.root

    @property
    def usable(self) -> bool:
        """Whether it is open, in the process that opened it."""
        return not self._closed and self._pid == os.getpid()

    @property
    def current(self) -> bool:
        """Whether it is usable, and its index was not made again since it was opened."""
        return self.usable and self.catalog.environment.is_in_place()

    def close(self) -> None:
        """Close files and the index."""
        self._closed = True
        self.packs.close()
        self.catalog.close()
        counts, reader, self._counts, self._reader = self._counts, self._reader, None, None
        if self._pid == os.getpid():  # a child leaves what it inherited to its parent
            if counts is not None:
                counts.close()
            if reader is not None:
                reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def node(self, node: bytes) -> bytes:
        """The bytes of a tree node, checked against its digest."""
        self._before_loading()
        with self.catalog.view() as view:
            return view.node(node)

    def locate(self, chunk: bytes) -> Location | None:
        """Where a chunk is stored, if the index knows it."""
        with self.catalog.view() as view:
            return view.find_location(chunk)

    def version(self, ref: VersionRef) -> Version:
        """The version that a reference names now.

        Raises:
            NotFoundError: There is none.
        """
        with self.catalog.view() as view:
            version = view.resolve(ref)
        if version.serial not in self._held:
            self._held.add(version.serial)
            self.hold(version)
        return version

    def hold(self, version: Version) -> None:
        """Keep gc from what a version holds, should it be deleted, until `release` or the end of this store's use.

        Where the store cannot be written, it can be read all the same.

        Raises:
            NotFoundError: gc has taken it.
        """
        with suppress(OSError), self._counting:
            if self._reader is None:
                self._reader = Reader(self.layout.readers)
                self._counts = ReaderCounts(self._reader.directory)
            if self._counts is not None:
                self._counts.opened(version.serial)
        with self.catalog.view() as view:  # counted first, then looked at: gc does it the other way round
            now = view.version(version.artifact, version.index, deleted=True)
            ref = view.ref(version)
        if now is None or now.removed:
            self.release(version.serial)
            raise NotFoundError(f"{ref} was deleted, and gc has removed its contents")

    def release(self, serial: int) -> None:
        """Take back one `hold` of a version; harmless when the store is closed, or in a forked child."""
        if self.usable:
            with suppress(OSError), self._counting:
                if self._counts is not None:
                    self._counts.closed(serial)

    def entry(self, version: Version, path: EntryPath) -> Entry:
        """The entry at a path of a version; `()` gives the version's own directory.

        Raises:
            NotFoundError: There is none.
        """
        entry = root_entry(version)
        for depth, name in enumerate(path):
            found = self.pages.find(entry.node, name) if entry.kind == Kind.DIRECTORY else None
            if found is None:
                raise NotFoundError(f"no {quoted(b'/'.join(path[: depth + 1]))} in the version: see `artfs ls`")
            entry = found[0]
        return entry

    def children(self, directory: Entry) -> Iterator[Entry]:
        """The entries of a directory, by name."""
        for _position, entry in self.pages.iterate(directory.node):
            yield entry

    def walk(self, directory: Entry, prefix: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
        """All entries below a directory with their paths, a directory before what it holds."""
        stack = [(prefix, self.children(directory))]
        while stack:
            path, entries = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
                continue
            yield path + entry.name, entry
            if entry.kind == Kind.DIRECTORY:
                stack.append((path + entry.name + b"/", self.children(entry)))

    def diff(self, old: Version, new: Version) -> Iterator[Difference]:
        """What changed from one version to another."""
        return diff_trees(old.tree.root, new.tree.root, self.pages)

    def put(
        self,
        paths: Sequence[str | bytes | os.PathLike[str]],
        version: NewVersion,
        *,
        who: Actor | None = None,
        if_changed: bool = False,
        progress: Progress | None = None,
    ) -> Logged:
        """Store files and directories as a new version.

        Args:
            paths: One directory, whose contents are stored; or several paths that go in under their names.
            version: Name, type, aliases and so on.
            who: For the journal; by default this process.
            if_changed: Give the latest version back when its contents are the same.
            progress: Is told how far it is.

        Raises:
            SourceError: A source cannot be read, or changed meanwhile; nothing was published.
            StorageError: The store cannot be written; nothing was published.
        """
        from artfs.store.put import put  # noqa: PLC0415 # threads and compressors: whoever only reads starts without

        raw = [os.fsencode(path) for path in paths]
        actor = who or current_actor()
        return put(self.layout, self.catalog, raw, version, actor, if_changed=if_changed, progress=progress or Quiet())

    def commit(
        self,
        base: VersionRef,
        changes: Mapping[EntryPath, Source | None],
        *,
        version: NewVersion | None = None,
        who: Actor | None = None,
    ) -> Logged:
        """Make a new version out of another and changes, in time and bytes that grow with the changes.

        Args:
            base: The version to start from.
            changes: By path: a local file or directory to put there, bytes, or None to remove.
            version: Name, aliases and so on; by default the next version of `base`'s artifact.
            who: For the journal; by default this process.

        Raises:
            NotFoundError: No such base, or a path's parent directory does not exist.
            SourceError: A source cannot be read.
            StorageError: The store cannot be written; nothing was published.
        """
        from artfs.store.commit import commit_changes  # noqa: PLC0415 # as in `put`

        origin = self.version(base)
        return commit_changes(
            self.layout,
            self.catalog,
            self.pages,
            origin,
            changes,
            version or NewVersion(name=base.name),
            who or current_actor(),
        )


def root_entry(version: Version) -> Entry:
    """The version's own directory as an entry without a name."""
    tree = version.tree
    return Entry(b"", Kind.DIRECTORY, tree.mode, tree.mtime_ns, tree.size, tree.digest, tree.entries, tree.root)


def _open_catalog(layout: Layout) -> Catalog:
    if not Environment.exists(layout.index):
        raise IntegrityError(f"the index of {layout.root} is missing: make it again with `artfs fsck --repair`")
    store_id = bytes.fromhex(layout.format.store_id)
    return Catalog.open(Environment.open(layout.index), Journal(layout.journal), store_id)


def _create_catalog(layout: Layout) -> None:
    environment = Environment.open(layout.index, create=True)
    Catalog.create(environment, Journal(layout.journal), bytes.fromhex(layout.format.store_id)).close()
