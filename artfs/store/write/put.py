"""Put: store local files and directories as a new version."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from artfs.catalog import Actor, Catalog, NewVersion, Version
from artfs.errors import ArtfsError, InvalidInputError, UnsupportedFileError
from artfs.format.node import Entry, Kind, clamp_time
from artfs.format.operations import Tree
from artfs.ignore_rules import IgnoreRules
from artfs.names import RESERVED_NAME, quoted, validate_entry_name
from artfs.store.layout import Layout
from artfs.store.progress import Progress
from artfs.store.tree.build import NodeSink, as_directory, build_directory
from artfs.store.write.content_writer import ContentWriter
from artfs.store.write.ingest import ingest
from artfs.store.write.outside_links import OutsideLinks
from artfs.store.write.scan import SourceDirectory, SourceFile, add, refuse_store, scan, source_error
from artfs.store.write.statcache import StatCache

__all__ = ["Stored", "build_tree", "put", "scan_paths", "tree_of"]


class Stored(NamedTuple):
    """What a put did.

    Attributes:
        version: The version.
        created: False if it was there before (`if_changed`).
        files: Files of the version.
        size: Their bytes.
        new_size: Bytes that the store had in no version, before compression.
    """

    version: Version
    created: bool
    files: int
    size: int
    new_size: int


def scan_paths(
    paths: Sequence[bytes],
    store: bytes,
    name_in: bytes | None = None,
    links: OutsideLinks | None = None,
    exclude: bytes = b"",
) -> SourceDirectory:
    """Scan the paths that are to be stored.

    Args:
        paths: One directory, whose contents become the artifact's; or files and directories, which go in by name.
        store: The store's directory, which cannot be stored in itself.
        name_in: Name in the artifact of the one file or pipe.
        links: As `scan` takes it.
        exclude: Patterns of gitignore(5), for the names of the paths and for each directory behind its `.artfsignore`.

    Raises:
        SourceError: Something cannot be read.
        InvalidInputError: Two paths have the same name, or one has none; or all are excluded.
    """
    if name_in is not None:
        validate_entry_name(name_in)
        if len(paths) != 1 or os.path.isdir(paths[0]):
            raise InvalidInputError(f"{quoted(name_in)} can be the name of one file or pipe: store just that")
    for path in paths:
        refuse_store(path, store)
    if len(paths) == 1 and os.path.isdir(paths[0]):
        top = scan(os.path.realpath(paths[0]), links=links, exclude=exclude)
        for kind in (top.directories, top.files, top.links):
            _refuse_reserved(child.name for child in kind)
        return top
    top = SourceDirectory(b"", b"", 0o755, 0)
    seen: set[bytes] = set()
    rules = IgnoreRules(exclude)
    for path in paths:
        name = name_in or os.path.basename(os.path.abspath(path))
        if not name or name in seen:
            raise InvalidInputError(
                f"{quoted(path)} needs a name of its own in the artifact: store its parent, or one by one"
            )
        seen.add(name)
        if not rules.ignores(name, is_directory=os.path.isdir(path)):
            _refuse_reserved([name])
            _add_by_name(top, name, path, partial(scan, links=links, exclude=exclude), is_named=name_in is not None)
    if not (top.files or top.directories):
        raise InvalidInputError("the patterns of --exclude leave nothing to store: leave one out")
    top.files.sort(key=lambda file: file.name)
    top.directories.sort(key=lambda directory: directory.name)
    return top


def _add_by_name(
    top: SourceDirectory,
    name: bytes,
    path: bytes,
    scan_below: Callable[[bytes, bytes, int], SourceDirectory],
    *,
    is_named: bool,
) -> None:
    """Add a file, pipe or directory that goes in under a name.

    Args:
        top: Gets it.
        name: The name.
        path: The local path.
        scan_below: Scans a directory, by path, name and length of the path in the artifact that leads to it.
        is_named: The name was chosen for the contents, as a pipe needs it.
    """
    real = os.path.realpath(path)
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            top.directories.append(scan_below(real, name, len(name) + 1))
        elif stat.S_ISFIFO(status.st_mode):
            if not is_named:
                raise UnsupportedFileError(
                    f"{quoted(path)} is a pipe: say with --name-in NAME which file its contents become"
                )
            top.files.append(SourceFile(name, path, status))
        else:
            add(top, name, real, status)
        top.mtime_ns = max(top.mtime_ns, clamp_time(status.st_mtime_ns))
    except OSError as error:
        raise source_error(error, path) from error


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
    name_in: bytes | None = None,
    links: OutsideLinks | None = None,
    exclude: bytes = b"",
) -> Stored:
    """Store `paths` as a new version: read, make durable, publish.

    Args:
        layout: Of the store.
        catalog: Its index.
        paths: As `scan_paths` takes them.
        version: Describes the new version.
        who: For the journal.
        if_changed: Return the latest version if its contents are the same.
        progress: Counts files and bytes.
        name_in: As for `scan_paths`.
        links: Follows symlinks that lead outside, or counts them.
        exclude: As for `scan_paths`.

    Raises:
        SourceError: A source cannot be read or changed meanwhile; nothing was published.
        StorageError: The store cannot be written; nothing was published.
    """
    cache = StatCache(catalog)
    top = scan_paths(paths, os.fsencode(layout.root), name_in, links, exclude)
    with ContentWriter(layout, catalog) as writer:
        changed = cache.fill_unchanged(top)
        progress.total(len(changed), sum(file.size for file in changed))
        if changed:
            ingest(changed, layout.format.chunker, writer, progress)
        root = build_tree(top, writer)
        writer.flush()
        logged = catalog.create_version(version, tree_of(top, root), who, if_changed=if_changed)
        with suppress(ArtfsError):  # the version is there; a full disk only makes the next put slower
            cache.save(top, changed)
    files = [file for directory in top.walk() for file in directory.files]
    return Stored(*logged, len(files), sum(file.size for file in files), writer.new_size)


def tree_of(top: SourceDirectory, root: Entry) -> Tree:
    """Describe stored contents for the catalog.

    Args:
        top: Mode and time of the top directory.
        root: The row of its topmost page.
    """
    return Tree(root.node, root.digest, root.size, root.below, top.mode, top.mtime_ns)


def build_tree(top: SourceDirectory, nodes: NodeSink) -> Entry:
    """Store the nodes of a scanned tree whose files are stored; return the topmost page of its root."""
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
