"""Incremental writer: stores contents now, for a version that is made later.

Unlogged artifacts are filled through it. One pack stays open from the first file to the last, so that ten thousand
small files that are added one by one cost no more syncs than a directory of them. Until `flush` only this process sees
the contents.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec

from artfs.chunks.chunker import Chunker
from artfs.errors import ArtfsError, SourceError, StoreError
from artfs.format.chunk_rows import encode_chunk_rows
from artfs.format.chunklist import Piece
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.format.reference import ChunkList, decode_reference, reference_entry, stored_file
from artfs.store.progress import NullProgress, Progress
from artfs.store.store import Store
from artfs.store.tree.build import Content, NodeSink, as_directory, build_content, build_directory
from artfs.store.tree.merge_choices import MergeChoices
from artfs.store.write.content_writer import ContentWriter
from artfs.store.write.ingest import SMALL_BYTES, ingest, ingest_small
from artfs.store.write.merge import merge_with
from artfs.store.write.scan import SourceDirectory, SourceFile
from artfs.store.write.statcache import StatCache

__all__ = ["IncrementalWriter", "NoSink", "build_flat"]

_DIRECTORY_MODE = 0o755
_WAYS_ON = (
    "save(merge=True, mine=[...]) keeps paths as they are here, theirs=[...] takes those of the version, '.' is all of"
    " them; save() makes a version of what is here alone"
)


class IncrementalWriter:
    """Stores files one by one, and at last their directories. Threads may share it.

    Args:
        store: Gets the contents.

    Raises:
        StorageError: The store cannot be written.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._writer = ContentWriter(store.layout, store.catalog)
        self._lock = threading.Lock()
        self._closed = False
        self._chunker: Chunker | None = None
        self._walked: list[tuple[StatCache, SourceDirectory, list[SourceFile]]] = []

    @property
    def scratch(self) -> Path:
        """A directory for files that are still being written; removed by `close`."""
        return self._writer.scratch

    @property
    def new_size(self) -> int:
        """Bytes that the store had in no version, before compression, so far."""
        return self._writer.new_size

    def add_files(self, files: Iterable[SourceFile], progress: Progress | None = None) -> None:
        """Store the contents of files; each then has its `digest` and `extra`.

        Raises:
            SourceError: A file cannot be read, or changed while it was.
            StorageError: The store cannot be written.
        """
        with self._lock:
            self._check_open()
            try:
                ingest(files, self.store.layout.format.chunker, self._writer, progress or NullProgress())
            except SourceError:
                self._writer.discard_prepared()
                raise

    def add_directory(self, top: SourceDirectory, began_ns: int, *, reread: bool = False) -> None:
        """Store the contents of a scanned directory, reading only files that changed since they were stored.

        Args:
            top: The directory; each file below it then has its `digest` and `extra`.
            began_ns: Time at which the scan began.
            reread: Read unchanged files too.

        Raises:
            SourceError: A file cannot be read, or changed while it was.
            StorageError: The store cannot be written.
        """
        cache = StatCache(self.store.catalog, began_ns)
        changed = [file for each in top.walk() for file in each.files] if reread else cache.fill_unchanged(top)
        if changed:
            self.add_files(changed)
            self._walked.append((cache, top, changed))

    def add_file(self, file: SourceFile) -> None:
        """Store the contents of one file; see `add_files`."""
        if file.size > SMALL_BYTES:
            self.add_files([file])
            return
        with self._lock:
            self._check_open()
            try:
                ingest_small(file, self._cutter, self.store.layout.format.chunker, self._writer)
            except SourceError:
                self._writer.discard_prepared()
                raise

    def _cutter(self) -> Chunker:
        self._chunker = self._chunker or Chunker(self.store.layout.format.chunker)
        return self._chunker

    def copy_file(self, source: Store, entry: Entry) -> Content:
        """Store a file of another store."""
        with self._lock:
            self._check_open()
            pieces: list[Piece] = []
            for data in source.content.stream(entry):
                prepared = self._writer.prepare([data])
                self._writer.append(prepared)
                pieces += [Piece(length, chunk) for chunk, length, _record in prepared]
            return build_content(pieces, self._writer)

    def copy_entry(self, source: Store, entry: Entry) -> Entry:
        """Store what another store has of an entry: a file's contents, or the chunk list of a reference."""
        file = stored_file(entry)
        if file is None:
            return entry
        content, extra = self.copy_file(source, file)
        if entry.kind == Kind.FILE:
            return entry._replace(digest=content, extra=extra)
        chunks = ChunkList(content, file.size, extra[0] if extra else 0)
        reference = msgspec.structs.replace(decode_reference(entry), chunks=chunks)
        return reference_entry(entry.name, reference, entry.mode, entry.mtime_ns)

    def add_chunk_list(self, chunks: Sequence[Piece]) -> ChunkList:
        """Store the chunk list of an object that a reference is to; the chunks themselves are not.

        Args:
            chunks: Of the whole object, which is not empty.
        """
        if len(chunks) == 1:
            return ChunkList(chunks[0].digest)
        data = memoryview(encode_chunk_rows(chunks))
        with self._lock:
            self._check_open()
            is_one = len(data) <= self.store.layout.format.chunker.min_size
            ends = [len(data)] if is_one else self._cutter().split(data, final=True)
            prepared = self._writer.prepare([data[start:end] for start, end in pairwise([0, *ends])])
            self._writer.append(prepared)
            content, extra = build_content([Piece(length, chunk) for chunk, length, _record in prepared], self._writer)
        return ChunkList(content, len(data), extra[0] if extra else 0)

    def build_tree(self, entries: Mapping[bytes, Entry]) -> Tree:
        """Store the directories of a tree that is given as paths, and make all contents durable.

        Args:
            entries: As `build_flat` takes them.
        """
        with self._lock:
            self._check_open()
            root = build_flat(entries, self._writer)
            self._flush()
        return Tree(root.node, root.digest, root.size, root.below, _DIRECTORY_MODE, time.time_ns())

    def merge_with(self, theirs: Entry, ref: str, ours: Tree, base: Entry, choices: MergeChoices) -> Tree:
        """Merge a tree that `build_tree` stored with a version; see `artfs.store.write.merge`.

        Raises:
            InvalidInputError: A side was chosen for a path at which there is no conflict.
            MergeConflictError: Paths were changed in both.
        """
        with self._lock:
            self._check_open()
            pages = self.store.pages
            merged = merge_with(theirs, ref, ours, base, pages, self._writer, choices, ways_on=_WAYS_ON)
            self._flush()
        return merged

    def flush(self) -> None:
        """Make the contents so far durable, and readable through the store."""
        with self._lock:
            self._check_open()
            self._flush()

    def _flush(self) -> None:
        self._writer.flush()
        while self._walked:
            cache, top, changed = self._walked.pop()
            with suppress(ArtfsError):  # the contents are there; a full disk only makes the next time slower
                cache.save(top, changed)

    def close(self) -> None:
        """Drop what was not flushed; may be called again."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._writer.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the draft's contents were dropped: begin a new one")


class NoSink:
    """A `NodeSink` that stores nothing, to compute a digest."""

    def add(self, node: bytes, data: bytes) -> None:
        """Drop the node."""


def build_flat(entries: Mapping[bytes, Entry], nodes: NodeSink) -> Entry:
    """Store the directories of a tree that is given as paths.

    Args:
        entries: By path, `/`-separated; a directory need not be given where something is in it. Of a directory only
            mode and time are used.
        nodes: Receives the pages.

    Returns:
        The `PAGE` row of the root's topmost page.
    """
    children: dict[bytes, dict[bytes, Entry]] = {b"": {}}
    now = time.time_ns()
    for path, entry in entries.items():
        parent, _slash, name = path.rpartition(b"/")
        children.setdefault(parent, {})[name] = entry._replace(name=name)
        if entry.kind == Kind.DIRECTORY:
            children.setdefault(path, {})
        while parent and (above := parent.rpartition(b"/"))[2] not in children.setdefault(above[0], {}):
            made = Entry(above[2], Kind.DIRECTORY, _DIRECTORY_MODE, now, 0, b"")
            children[above[0]][above[2]] = entries.get(parent, made)._replace(name=above[2])
            parent = above[0]
    for path in sorted(children, key=lambda path: path.count(b"/") if path else -1, reverse=True):
        here = children[path]
        top = build_directory([here[name] for name in sorted(here)], nodes)
        if not path:
            return top
        parent, _slash, name = path.rpartition(b"/")
        children[parent][name] = as_directory(children[parent][name], top)
    return build_directory([], nodes)
