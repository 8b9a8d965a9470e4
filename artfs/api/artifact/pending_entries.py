"""The contents of an unlogged artifact: entries by path, and the writer that stores their bytes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from artfs.api.artifact.origins import Origins
from artfs.api.store_pool import StoreLike, shared_store
from artfs.chunks.chunker import ChunkParams
from artfs.errors import InvalidInputError
from artfs.format.chunklist import Piece
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.format.reference import ChunkList
from artfs.names import quoted
from artfs.references import Handlers
from artfs.store.incremental_writer import IncrementalWriter, NoSink, build_flat
from artfs.store.store import Store
from artfs.store.tree.merge_choices import MergeChoices
from artfs.store.write.scan import SourceDirectory, SourceFile

__all__ = ["PendingEntries"]


class PendingEntries:
    """The entries that were added so far.

    Args:
        store: The store that bytes are written to as they are added; opened with the first of them.
        references: The handlers of references that can be added; None: those of the store.

    Attributes:
        entries: By path. A directory has an entry if it was added as one; the others follow from the paths.
        open_files: The paths of files that are still being written (`new_file`).
        origins: The versions that entries were taken from.
    """

    def __init__(self, store: StoreLike = None, references: Handlers | None = None) -> None:
        self.entries: dict[bytes, Entry] = {}
        self._counts: dict[bytes, int] = {}  # the number of entries below a directory
        self.open_files: list[bytes] = []
        self.origins = Origins()
        self._store = store
        self._references = references
        self._writer: IncrementalWriter | None = None
        self._bytes_in: Store | None = None
        self._began_in: Store | None = None
        self._close_writer: Callable[[], object] = lambda: None

    def load(self, entries: Iterable[tuple[bytes, Entry]], store: Store) -> None:
        """Begin with entries whose contents are in a store."""
        self._bytes_in = self._store = self._began_in = store
        for path, entry in entries:
            self._put(path, entry)

    @property
    def store(self) -> StoreLike:
        """The store to log it in, when no other is given."""
        return self._store

    @property
    def scratch(self) -> Path:
        """A directory for files that are still being written."""
        return self._open().scratch

    @property
    def new_size(self) -> int:
        """Bytes stored for it that the store had in no version, before compression."""
        return 0 if self._writer is None else self._writer.new_size

    @property
    def references(self) -> Handlers:
        """The handlers of references that can be added."""
        return self._references or shared_store(self._store).references

    @property
    def chunker(self) -> ChunkParams:
        """The parameters by which the store that bytes are written to cuts files."""
        return self._open().store.layout.format.chunker

    @property
    def root_page(self) -> Entry:
        """The root directory's topmost page: its digest, and the size of all files."""
        return build_flat(self.entries, NoSink())

    def leaves(self) -> Iterator[bytes]:
        """Yield the paths of all entries that are no directories, sorted."""
        return (path for path in sorted(self.entries) if self.entries[path].kind != Kind.DIRECTORY)

    def add_file(self, path: bytes, file: SourceFile, *, overwrite: bool) -> None:
        """Store a file.

        Raises:
            InvalidInputError: There is something else at the path.
            SourceError: The file cannot be read, or changed meanwhile.
        """
        self._check_parents(path)
        self._open().add_file(file)
        self.add(path, file.entry(), overwrite=overwrite)

    def add_tree(self, prefix: bytes, top: SourceDirectory, began_ns: int, *, merge: bool, reread: bool) -> None:
        """Store a scanned directory, all of it or nothing.

        Args:
            prefix: Its path in the artifact.
            top: The directory.
            began_ns: The time at which the scan began.
            merge: Replace files that the artifact has with other contents.
            reread: Read also the files that did not change since they were stored.

        Raises:
            InvalidInputError: A file is in the artifact already with other contents, and `merge` is False.
            SourceError: A file cannot be read, or changed meanwhile.
        """
        self._open().add_directory(top, began_ns, reread=reread)
        found = list(_flattened(prefix, top))
        for path, entry in found:
            self.check(path, entry, overwrite=merge)
        for path, entry in found:
            self._put(path, entry)

    def add(self, path: bytes, entry: Entry, *, overwrite: bool) -> None:
        """Add an entry whose contents are stored."""
        self.check(path, entry, overwrite=overwrite)
        self._put(path, entry)

    def add_stored(self, path: bytes, entry: Entry, store: Store) -> None:
        """Add an entry that a version has; its bytes are copied if that is in another store.

        Raises:
            InvalidInputError: There is something else at the path.
            IntegrityError: The stored bytes that are to be copied are damaged.
        """
        self.check(path, entry, overwrite=False)
        writer = self._open()
        if writer.store.path != store.path:
            entry = writer.copy_entry(store, entry)
        self.add(path, entry._replace(name=path.rpartition(b"/")[2]), overwrite=False)

    def add_chunk_list(self, chunks: Sequence[Piece]) -> ChunkList:
        """Store the chunk list of an object that is not empty, for the reference to it."""
        return self._open().add_chunk_list(chunks)

    def check(self, path: bytes, entry: Entry, *, overwrite: bool) -> None:
        """Refuse an entry that cannot be added.

        Raises:
            InvalidInputError: There is something else at the path.
        """
        self._check_parents(path)
        old = self.entries.get(path)
        if entry.kind == Kind.DIRECTORY:
            if old is not None and old.kind != Kind.DIRECTORY:
                raise InvalidInputError(f"{quoted(path)} is a file in the artifact: remove it first")
        elif path in self._counts or (old is not None and old.kind == Kind.DIRECTORY):
            raise InvalidInputError(f"{quoted(path)} is a directory in the artifact: remove it first")
        elif old is not None and not overwrite and (old.kind, old.digest) != (entry.kind, entry.digest):
            raise InvalidInputError(
                f"{quoted(path)} is in the artifact with other contents: remove it first, or give overwrite=True"
            )

    def remove(self, path: bytes) -> bool:
        """Remove an entry, or a directory with all below it; return True if there was one."""
        inside = [path] if path in self.entries else []
        if path in self._counts:
            inside += [below for below in self.entries if below.startswith(path + b"/")]
        for below in inside:
            del self.entries[below]
            for parent in _parents(below):
                self._counts[parent] -= 1
                if not self._counts[parent]:
                    del self._counts[parent]
        return bool(inside)

    def tree(self, store: Store) -> Tree:
        """Make the contents durable in a store, copied there if they are in another.

        Raises:
            InvalidInputError: A file is still being written.
        """
        if self.open_files:
            raise InvalidInputError(f"{quoted(self.open_files[0])} is still being written: end its `with` block first")
        writer = self._open(store)
        if any(other is not None and other.path != store.path for other in (self._bytes_in, writer.store)):
            writer = self._move(store)
        return writer.build_tree(self.entries)

    def copied_from(self, store: Store) -> bool:
        """True if the contents it began with are of another store than this one."""
        return self._began_in is not None and self._began_in.path != store.path

    def merge_with(self, store: Store, theirs: Entry, ref: str, ours: Tree, base: Entry, choices: MergeChoices) -> Tree:
        """Put what was changed onto a version of the store that it began in.

        Args:
            store: That store.
            theirs: The root directory of the version.
            ref: Its name, for the message.
            ours: What `tree` gave.
            base: The root directory of what it began with.
            choices: Which side to take at conflicts.

        Raises:
            InvalidInputError: A side was chosen for a path at which there is no conflict.
            MergeConflictError: Paths were changed in both.
        """
        return self._open(store).merge_with(theirs, ref, ours, base, choices)

    def close(self) -> None:
        """Close the writer."""
        self._close_writer()

    def readable_store(self) -> Store:
        """The store that has the bytes of what was added so far."""
        if self._writer is not None:
            self._writer.flush()
        return self._bytes_in or self._open().store

    def readable_tree(self) -> Tree:
        """Store the directories of what was added so far, so that `readable_store` has all of it.

        Raises:
            InvalidInputError: A file is still being written.
        """
        return self.tree(self.readable_store())

    def _open(self, store: Store | None = None) -> IncrementalWriter:
        if self._writer is None:
            self._writer = IncrementalWriter(store or shared_store(self._store))
            self._bytes_in = self._bytes_in or self._writer.store
            self._close_writer = weakref.finalize(self, self._writer.close)
        return self._writer

    def _move(self, store: Store) -> IncrementalWriter:
        """Copy the bytes to another store than the one that they were added to."""
        source = self._bytes_in or store
        if self._writer is not None and self._writer.store is source:
            self._writer.flush()
        target = IncrementalWriter(store)
        close_target = weakref.finalize(self, target.close)
        for path, entry in self.entries.items():
            self.entries[path] = target.copy_entry(source, entry)
        self._close_writer()
        self._writer, self._bytes_in, self._close_writer = target, store, close_target
        return target

    def _check_parents(self, path: bytes) -> None:
        for parent in _parents(path):
            if parent in self.entries and self.entries[parent].kind != Kind.DIRECTORY:
                raise InvalidInputError(f"{quoted(parent)} is a file in the artifact: choose a path not below it")

    def _put(self, path: bytes, entry: Entry) -> None:
        if path not in self.entries:
            for parent in _parents(path):
                self._counts[parent] = self._counts.get(parent, 0) + 1
        self.entries[path] = entry


def _parents(path: bytes) -> Iterator[bytes]:
    while path := path.rpartition(b"/")[0]:
        yield path


def _flattened(prefix: bytes, top: SourceDirectory) -> Iterator[tuple[bytes, Entry]]:
    """Yield the entries of a scanned directory by their paths in the artifact."""
    stack = [(prefix, top)]
    while stack:
        path, directory = stack.pop()
        if path:
            yield path, Entry(path.rpartition(b"/")[2], Kind.DIRECTORY, directory.mode, directory.mtime_ns, 0, b"")
        inner = path + b"/" if path else b""
        for file in directory.files:
            yield inner + file.name, file.entry()
        for link in directory.links:
            yield inner + link.name, link
        stack.extend((inner + child.name, child) for child in directory.directories)
