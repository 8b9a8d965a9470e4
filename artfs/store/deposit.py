"""Store contents now, and make a version of them later: what a Python draft is filled through.

One pack stays open from the first file to the last, so that ten thousand small files added one by one cost no more
syncs than a directory of them. Until `flush` the contents are this process's alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from artfs.chunks.chunker import Chunker
from artfs.errors import ArtfsError, SourceError, StoreError
from artfs.format.chunklist import Piece
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.store.chunkstore import ChunkWriter
from artfs.store.ingest import SMALL_BYTES, ingest, ingest_small
from artfs.store.nodes import NodeWriter
from artfs.store.progress import Progress, Quiet
from artfs.store.session import WriterSession
from artfs.store.source import SourceDirectory, SourceFile
from artfs.store.statcache import StatCache
from artfs.store.store import Store
from artfs.store.tree.build import Content, NodeSink, as_directory, build_content, build_directory

__all__ = ["Deposit", "NoSink", "build_flat"]

_DIRECTORY_MODE = 0o755


class Deposit:
    """Contents on their way into a store. Threads may share it.

    Args:
        store: Where they go.

    Raises:
        StorageError: The store cannot be written.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._session = WriterSession(store.layout.tmp)
        self._lock = threading.Lock()
        self._closed = False
        self._chunker: Chunker | None = None
        self._walked: list[tuple[StatCache, SourceDirectory, list[SourceFile]]] = []
        self._begin()

    def _begin(self) -> None:
        layout, catalog = self.store.layout, self.store.catalog
        self._chunks = ChunkWriter(layout, catalog, self._session)
        self._nodes = NodeWriter(layout, catalog, self._session, self._chunks)

    @property
    def scratch(self) -> Path:
        """For files that are still being written; gone when the deposit is closed."""
        return self._session.directory

    def files(self, files: Iterable[SourceFile], progress: Progress | None = None) -> None:
        """Store the contents of files; each then has its `digest` and `extra`.

        Raises:
            SourceError: A file cannot be read, or changed while it was.
            StorageError: The store cannot be written.
        """
        with self._lock:
            self._check_open()
            try:
                ingest(files, self.store.layout.format.chunker, self._chunks, self._nodes, progress or Quiet())
            except SourceError:
                self._renew()
                raise

    def directory(self, top: SourceDirectory, began_ns: int, *, anew: bool = False) -> None:
        """Store the contents of a scanned directory; files that did not change since they were stored are not read.

        Args:
            top: The directory; each file below it then has its `digest` and `extra`.
            began_ns: When it began to be scanned.
            anew: Read those too.

        Raises:
            SourceError: A file cannot be read, or changed while it was.
            StorageError: The store cannot be written.
        """
        cache = StatCache(self.store.catalog, began_ns)
        unknown = [file for each in top.walk() for file in each.files] if anew else cache.recall(top)
        if unknown:
            self.files(unknown)
            self._walked.append((cache, top, unknown))

    def file(self, file: SourceFile) -> None:
        """Store the contents of one file; see `files`."""
        if file.size > SMALL_BYTES:
            self.files([file])
            return
        with self._lock:
            self._check_open()
            try:
                ingest_small(file, self._cutter, self.store.layout.format.chunker, self._chunks, self._nodes)
            except SourceError:
                self._renew()
                raise

    def _cutter(self) -> Chunker:
        self._chunker = self._chunker or Chunker(self.store.layout.format.chunker)
        return self._chunker

    def _renew(self) -> None:
        """Begin again after a failure: the old writer waits for chunks that nobody will append any more."""
        self._nodes.flush()
        self._begin()

    def copy(self, source: Store, entry: Entry) -> Content:
        """Store a file that is in another store."""
        with self._lock:
            self._check_open()
            pieces: list[Piece] = []
            for data in source.content.stream(entry):
                prepared = self._chunks.prepare([data])
                self._chunks.append(prepared)
                pieces += [Piece(length, chunk) for chunk, length, _record in prepared]
            return build_content(pieces, self._nodes)

    def tree(self, entries: Mapping[bytes, Entry]) -> Tree:
        """Store the directories that a draft's entries make, and make all of it durable.

        Args:
            entries: By path; see `build_flat`.
        """
        with self._lock:
            self._check_open()
            root = build_flat(entries, self._nodes)
            self._flush()
        return Tree(root.node, root.digest, root.size, root.below, _DIRECTORY_MODE, time.time_ns())

    def flush(self) -> None:
        """Make the contents so far durable, and readable through the store."""
        with self._lock:
            self._check_open()
            self._flush()

    def _flush(self) -> None:
        self._nodes.flush()
        while self._walked:
            cache, top, unknown = self._walked.pop()
            with suppress(ArtfsError):  # the contents are there; a full disk only makes the next time slower
                cache.remember(top, unknown)

    def close(self) -> None:
        """Drop what was not flushed; harmless when it is closed already."""
        with self._lock:
            if not self._closed:
                self._closed = True
                with self._chunks:
                    pass
                self._session.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the draft's contents were dropped: begin a new one")


class NoSink:
    """A `NodeSink` that keeps nothing: for the digest alone."""

    def add(self, node: bytes, data: bytes) -> None:
        """Let it go."""


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
