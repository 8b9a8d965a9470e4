"""Store files and directories as a new version."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress

from artfs.catalog import Actor, Catalog, Logged, NewVersion
from artfs.errors import ArtfsError, InvalidInputError
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.names import RESERVED_NAME, quoted
from artfs.store.chunkstore import ChunkWriter
from artfs.store.ingest import ingest
from artfs.store.layout import Layout
from artfs.store.nodes import NodeWriter
from artfs.store.progress import Progress
from artfs.store.session import WriterSession
from artfs.store.source import SourceDirectory, add, refuse_store, scan, source_error
from artfs.store.statcache import StatCache
from artfs.store.tree.build import NodeSink, as_directory, build_directory

__all__ = ["build_tree", "gather", "put", "tree_of"]


def gather(paths: Sequence[bytes], store: bytes) -> SourceDirectory:
    """Look at what is to be stored.

    Args:
        paths: One directory, whose contents become the artifact's; or files and directories, which go in by name.
        store: The store's directory, which cannot be stored in itself.

    Raises:
        SourceError: Something cannot be read.
        InvalidInputError: Two paths have the same name, or one has none.
    """
    for path in paths:
        refuse_store(path, store)
    if len(paths) == 1 and os.path.isdir(paths[0]):
        top = scan(os.path.realpath(paths[0]))
        for kind in (top.directories, top.files, top.links):
            _refuse_reserved(child.name for child in kind)
        return top
    top = SourceDirectory(b"", b"", 0o755, 0)
    seen: set[bytes] = set()
    for path in paths:
        name = os.path.basename(os.path.abspath(path))
        if not name or name in seen:
            raise InvalidInputError(
                f"{quoted(path)} needs a name of its own in the artifact: store its parent, or one by one"
            )
        seen.add(name)
        _refuse_reserved([name])
        real = os.path.realpath(path)
        try:
            status = os.stat(real)
            if os.path.isdir(real):
                top.directories.append(scan(real, name, len(name) + 1))
            else:
                add(top, name, real, status)
            top.mtime_ns = max(top.mtime_ns, status.st_mtime_ns)
        except OSError as error:
            raise source_error(error, path) from error
    top.files.sort(key=lambda file: file.name)
    top.directories.sort(key=lambda directory: directory.name)
    return top


def _refuse_reserved(names: Iterable[bytes]) -> None:
    for name in names:
        if name == RESERVED_NAME:
            raise InvalidInputError("'.artfs' is reserved at the top of an artifact: rename it, or store its parent")


def put(
    layout: Layout,
    catalog: Catalog,
    paths: Sequence[bytes],
    version: NewVersion,
    who: Actor,
    *,
    if_changed: bool,
    progress: Progress,
) -> Logged:
    """Store `paths` as a new version: read, make durable, publish.

    Args:
        layout: Of the store.
        catalog: Its index.
        paths: As `gather` takes them.
        version: What to publish it as.
        who: Does it, for the journal.
        if_changed: Give the latest version back when its contents are the same.
        progress: Is told how far it is.

    Raises:
        SourceError: A source cannot be read or changed meanwhile; nothing was published.
        StorageError: The store cannot be written; nothing was published.
    """
    cache = StatCache(catalog)
    top = gather(paths, os.fsencode(layout.root))
    with WriterSession(layout.tmp) as session:
        unknown = cache.recall(top)
        progress.total(len(unknown), sum(file.size for file in unknown))
        with ChunkWriter(layout, catalog, session) as chunks:
            nodes = NodeWriter(layout, catalog, session, chunks)
            if unknown:
                ingest(unknown, layout.format.chunker, chunks, nodes, progress)
            root = build_tree(top, nodes)
            nodes.flush()
        logged = catalog.create_version(version, tree_of(top, root), who, if_changed=if_changed)
        with suppress(ArtfsError):  # the version is there; a full disk only makes the next put slower
            cache.remember(top, unknown)
    return logged


def tree_of(top: SourceDirectory, root: Entry) -> Tree:
    """Describe stored contents for the catalog.

    Args:
        top: Mode and time of the top directory.
        root: The row of its topmost page.
    """
    return Tree(root.node, root.digest, root.size, root.below, top.mode, top.mtime_ns)


def build_tree(top: SourceDirectory, nodes: NodeSink) -> Entry:
    """Store the nodes of a scanned tree whose files all have their content; give the root's top page."""
    pages: dict[int, Entry] = {}
    for directory in reversed(list(top.walk())):  # children before parents
        entries = [file.entry() for file in directory.files]
        entries += directory.links
        for child in directory.directories:
            entry = Entry(child.name, Kind.DIRECTORY, child.mode, child.mtime_ns, 0, b"")
            entries.append(as_directory(entry, pages.pop(id(child))))
        entries.sort(key=_name)
        pages[id(directory)] = build_directory(entries, nodes)
    return pages[id(top)]


def _name(entry: Entry) -> bytes:
    return entry.name
