"""Store changes to a version as a new one; unchanged directories are not read."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from artfs.catalog import Actor, Catalog, LoggedVersion, NewVersion, Version
from artfs.errors import InvalidInputError, NotFoundError
from artfs.format.chunklist import Piece
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.names import EntryPath, parse_entry_path
from artfs.store.layout import Layout
from artfs.store.progress import NullProgress
from artfs.store.tree.build import Change, as_directory, build_content, edit_tree
from artfs.store.tree.pages import Pages
from artfs.store.write.content_writer import ContentWriter
from artfs.store.write.ingest import ingest
from artfs.store.write.put import build_tree, tree_of
from artfs.store.write.scan import Source, SourceDirectory, add, scan, source_error

__all__ = ["commit_changes"]

_MODE = 0o644


def commit_changes(
    layout: Layout,
    catalog: Catalog,
    pages: Pages,
    base: Version,
    changes: Mapping[EntryPath, Source | None],
    version: NewVersion,
    who: Actor,
) -> LoggedVersion:
    """Store `changes` over `base` as a new version.

    Args:
        layout: Of the store.
        catalog: Its index.
        pages: Reads the base.
        base: The version to start from.
        changes: By path: a source, or None to remove the path.
        version: Describes the new version.
        who: For the journal.

    Raises:
        NotFoundError: A path's parent directory does not exist.
        SourceError: A source cannot be read; nothing was published.
        StorageError: The store cannot be written; nothing was published.
    """
    paths = {parse_entry_path(b"/".join(path)): source for path, source in changes.items()}
    if any(path[:depth] in paths for path in paths for depth in range(1, len(path))):
        raise InvalidInputError("a path and one below it cannot both change: give the directory as one source")
    with ContentWriter(layout, catalog) as writer:
        _check_base(catalog, base)
        edits = {path: _entry(path, source, layout, writer) for path, source in paths.items()}
        root = edit_tree(base.tree.root, edits, pages, writer)
        writer.flush()
        top = SourceDirectory(b"", b"", base.tree.mode, time.time_ns())
        return catalog.create_version(version, tree_of(top, root), who)


def _check_base(catalog: Catalog, base: Version) -> None:
    """Check, within a writer session, that gc has not removed the base: from here on gc waits."""
    with catalog.view() as view:
        now = view.version(base.artifact, base.index, deleted=True)
        if now is None or now.removed:
            raise NotFoundError(f"{view.ref(base)} was removed meanwhile: commit over another version")


def _entry(path: EntryPath, source: Source | None, layout: Layout, writer: ContentWriter) -> Change:
    if source is None:
        return None
    name = path[-1]
    if isinstance(source, bytes):
        return _bytes_entry(name, source, writer)
    raw = os.fsencode(source)
    parent = SourceDirectory(b"", b"", 0, 0)
    try:
        if source.is_dir():
            top = scan(os.path.realpath(raw), name, sum(map(len, path)) + len(path))
            parent.directories.append(top)
        else:
            add(parent, name, raw, os.stat(raw))
    except OSError as error:
        raise source_error(error, raw) from error
    files = [file for directory in parent.walk() for file in directory.files]
    ingest(files, layout.format.chunker, writer, NullProgress())
    if parent.directories:
        top = parent.directories[0]
        return as_directory(Entry(name, Kind.DIRECTORY, top.mode, top.mtime_ns, 0, b""), build_tree(top, writer))
    return parent.files[0].entry()


def _bytes_entry(name: bytes, data: bytes, writer: ContentWriter) -> Entry:
    """Store a small file that is in memory as one chunk."""
    if len(data) > 128 * 1024:
        raise InvalidInputError("bytes for a file of more than 128 KiB: write them to a file and give its path")
    writer.append(writer.prepare([data] if data else []))
    content, extra = build_content([Piece(len(data), digest(data))] if data else [], writer)
    return Entry(name, Kind.FILE, _MODE, time.time_ns(), len(data), content, extra=extra)
