"""The open store: catalog, packs, trees and file contents as one object."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from artfs.catalog import (
    Actor,
    Catalog,
    IndexEnvironment,
    LocalJournal,
    LoggedVersion,
    NewVersion,
    Version,
    current_actor,
)
from artfs.chunks.chunk_cache import ChunkCache, ChunkLRU
from artfs.chunks.reader import PackReader
from artfs.closing import Closing
from artfs.errors import IntegrityError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.format.pack import Location
from artfs.kv import crash_marker
from artfs.names import EntryPath, VersionRef, parse_store_path
from artfs.references import Handlers
from artfs.store.file_reader import ContentReader
from artfs.store.layout import Layout, create_layout, read_layout
from artfs.store.missing_entry import missing_entry
from artfs.store.progress import NullProgress, Progress
from artfs.store.reader_leases import OpenCounts, ReaderLease, lock_uncounted
from artfs.store.tree.diff import Difference, diff_trees
from artfs.store.tree.pages import Pages
from artfs.store.write.outside_links import OutsideLinks
from artfs.store.write.scan import Source

if TYPE_CHECKING:
    from artfs.store.write.put import Stored

__all__ = ["Store", "open_store", "root_entry", "tree_entry"]


def open_store(
    path: str | os.PathLike[str], *, create: bool = False, shared: bool = False, suspect: bool = False
) -> Store:
    """Open the store in a directory.

    Args:
        path: The store's directory.
        create: Make a store there if there is none.
        shared: Make it for a group, see `create_layout`.
        suspect: Open it even if a process died of its index: to serve what can be served until it is repaired.

    Raises:
        StoreNotFoundError: There is no store, and `create` is False.
        StoreFormatError: The store is of a format that this artfs does not know.
        IntegrityError: The store is damaged, or a process died of its index and it was not looked at since.
    """
    root = parse_store_path(path)
    layout = create_layout(root, _create_catalog, shared=shared) if create else read_layout(root)
    if not suspect:
        crash_marker.check(layout.index)
    return Store(layout, ChunkLRU())


class Store(Closing):
    """An open store. Use it in the process that opened it; a child opens its own after fork.

    Args:
        layout: Of the store.
        cache: Of decompressed chunks, perhaps shared with other processes.
        before_loading: Called before a tree node is looked up in the index, which may wait for the disk.

    Attributes:
        layout: As given.
        catalog: Artifacts, versions, aliases, and the index of chunks and nodes.
        pack_reader: Reads chunks from packs.
        pages: Tree nodes, decoded.
        references: Handlers of references.
        content: Contents of files.
    """

    def __init__(
        self, layout: Layout, cache: ChunkCache | None = None, before_loading: Callable[[], None] = lambda: None
    ) -> None:
        self.layout = layout
        self.catalog = _open_catalog(layout)
        self.pack_reader = PackReader(layout.packs, cache)
        self._before_loading = before_loading
        self.pages = Pages(self.node)
        self.references = Handlers()
        self.content = ContentReader(self.pages, self.locate, self.pack_reader, self.references)
        self._pid = os.getpid()
        self._closed = False
        self._lease: ReaderLease | None = None
        self._counts: OpenCounts | None = None
        self._uncounted = -1  # a descriptor, in place of lease and counts in a store that cannot be written
        self._retained: set[int] = set()
        self._counting = Lock()

    @property
    def path(self) -> Path:
        """The store's directory."""
        return self.layout.root

    @property
    def usable(self) -> bool:
        """True if it is open, in the process that opened it."""
        return not self._closed and self._pid == os.getpid()

    @property
    def current(self) -> bool:
        """True if it is usable, and its index was not rebuilt since it was opened."""
        return self.usable and self.catalog.environment.is_in_place()

    def close(self) -> None:
        """Close files and the index."""
        self._closed = True
        self.pack_reader.close()
        self.catalog.close()
        counts, lease, self._counts, self._lease = self._counts, self._lease, None, None
        if self._pid == os.getpid():  # a child leaves what it inherited to its parent
            self.references.close()
            if counts is not None:
                counts.close()
            if lease is not None:
                lease.close()
            if self._uncounted >= 0:
                os.close(self._uncounted)
                self._uncounted = -1

    def node(self, node: bytes) -> bytes:
        """Return the bytes of a tree node, checked against its digest."""
        self._before_loading()
        with self.catalog.view() as view:
            return view.node(node)

    def locate(self, chunk: bytes) -> Location | None:
        """Return the location of a chunk, if the index knows it."""
        with self.catalog.view() as view:
            return view.find_location(chunk)

    def version(self, ref: VersionRef) -> Version:
        """Return the version that a reference names now.

        Raises:
            NotFoundError: There is none.
        """
        with self.catalog.view() as view:
            version = view.resolve(ref)
        if version.serial not in self._retained:
            self.retain(version)
            self._retained.add(version.serial)
        return version

    def retain(self, version: Version) -> None:
        """Keep gc from removing the contents of a version until `release` or `close`, even if it is deleted.

        In a store that cannot be written gc keeps all versions until `close`.

        Raises:
            NotFoundError: gc has removed them.
        """
        with self._counting:
            try:
                self._count(version.serial)
            except OSError:
                with suppress(OSError):
                    if self._uncounted < 0:
                        self._uncounted = lock_uncounted(self.layout.readers)
        with self.catalog.view() as view:  # after counting: gc does it the other way round
            now = view.version(version.artifact, version.index, deleted=True)
            ref = view.ref(version)
        if now is None or now.removed:
            self.release(version.serial)
            raise NotFoundError(f"{ref} was deleted, and gc has removed its contents")

    def _count(self, serial: int) -> None:
        if self._lease is None:
            self._lease = ReaderLease(self.layout.readers)
        if self._counts is None:
            self._counts = OpenCounts(self._lease.directory)
        self._counts.opened(serial)

    def release(self, serial: int) -> None:
        """Undo one `retain` of a version; do nothing in a closed store or a forked child."""
        if self.usable:
            with suppress(OSError), self._counting:
                if self._counts is not None:
                    self._counts.closed(serial)

    def entry(self, version: Version, path: EntryPath) -> Entry:
        """Return the entry at a path of a version; `()` is the version's own directory.

        Raises:
            NotFoundError: There is none.
        """
        entry = root_entry(version)
        for depth, name in enumerate(path):
            found = self.pages.find(entry.node, name) if entry.kind == Kind.DIRECTORY else None
            if found is None:
                names = (child.name for child in self.children(entry)) if entry.kind == Kind.DIRECTORY else None
                with self.catalog.view() as view:
                    raise missing_entry(view.ref(version), path[: depth + 1], names)
            entry = found[0]
        return entry

    def children(self, directory: Entry) -> Iterator[Entry]:
        """Yield the entries of a directory, by name."""
        for _position, entry in self.pages.iterate(directory.node):
            yield entry

    def walk(self, directory: Entry, prefix: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
        """Yield all entries below a directory with their paths, each directory before its contents."""
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
        """Yield the differences between two versions."""
        return diff_trees(old.tree.root, new.tree.root, self.pages)

    def put(
        self,
        paths: Sequence[str | bytes | os.PathLike[str]],
        version: NewVersion,
        *,
        who: Actor | None = None,
        if_changed: bool = False,
        progress: Progress | None = None,
        name_in: bytes | None = None,
        links: OutsideLinks | None = None,
        exclude: bytes = b"",
    ) -> Stored:
        """Store files and directories as a new version.

        Args:
            paths: One directory, whose contents are stored; or several paths that go in under their names.
            version: Name, type, aliases and so on.
            who: For the journal; by default this process.
            if_changed: Give the latest version back when its contents are the same.
            progress: Counts files and bytes.
            name_in: Name in the version of the one file, or pipe, that is stored.
            links: Follows symlinks that lead out of a directory, or counts them.
            exclude: Patterns of gitignore(5) for what is left out, besides `.artfsignore`.

        Raises:
            SourceError: A source cannot be read, or changed meanwhile; nothing was published.
            StorageError: The store cannot be written; nothing was published.
        """
        from artfs.store.write.put import put  # noqa: PLC0415 # threads and compressors: readers do without

        raw = [os.fsencode(path) for path in paths]
        actor = who or current_actor()
        return put(
            self.layout,
            self.catalog,
            raw,
            version,
            actor,
            if_changed=if_changed,
            progress=progress or NullProgress(),
            name_in=name_in,
            links=links,
            exclude=exclude,
        )

    def commit(
        self,
        base: VersionRef,
        changes: Mapping[EntryPath, Source | None],
        *,
        version: NewVersion | None = None,
        who: Actor | None = None,
    ) -> LoggedVersion:
        """Make a new version of another and changes, in time and bytes that grow with the changes.

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
        from artfs.store.write.commit import commit_changes  # noqa: PLC0415 # as in `put`

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
    """Return the version's own directory as an entry without a name."""
    return tree_entry(version.tree)


def tree_entry(tree: Tree) -> Entry:
    """Return the topmost directory of stored contents as an entry without a name."""
    return Entry(b"", Kind.DIRECTORY, tree.mode, tree.mtime_ns, tree.size, tree.digest, tree.entries, tree.root)


def _open_catalog(layout: Layout) -> Catalog:
    if not IndexEnvironment.exists(layout.index):
        raise IntegrityError(f"the index of {layout.root} is missing: make it again with `artfs fsck --repair`")
    store_id = bytes.fromhex(layout.format.store_id)
    with ExitStack() as failure:
        environment = failure.enter_context(IndexEnvironment.open(layout.index))
        journal = failure.enter_context(LocalJournal(layout.journal))
        catalog = Catalog.open(environment, journal, store_id)
        failure.pop_all()
    return catalog


def _create_catalog(layout: Layout) -> None:
    with IndexEnvironment.open(layout.index, create=True) as environment, LocalJournal(layout.journal) as journal:
        Catalog.create(environment, journal, bytes.fromhex(layout.format.store_id))
