"""References and imports of `artfs put`: objects elsewhere that become entries or files of the new version."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from artfs.api.artifact.imports import import_objects
from artfs.api.artifact.inputs import Checksum, add_reference, entry_path
from artfs.api.artifact.pending_entries import PendingEntries
from artfs.cli.render.progress import counter, progress_bar
from artfs.errors import InvalidInputError
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.names import quoted
from artfs.references import Handlers
from artfs.store.tree.diff import Difference
from artfs.store.write.put import Stored, scan_paths

if TYPE_CHECKING:
    from artfs.catalog import Actor, NewVersion, Version
    from artfs.store import Progress, Store
    from artfs.store.write.outside_links import OutsideLinks

__all__ = ["Elsewhere", "changes_by_references", "found_references", "parse_reference", "put_with_references"]


class Elsewhere(NamedTuple):
    """What is elsewhere and goes into a version.

    Attributes:
        references: URIs to refer to, each with the path that was given for it, or None.
        imports: URIs whose objects are stored, likewise.
        checksum: What references keep, see `add_reference`.
        max_objects: The most objects that one of them may lead to; None: the default.
    """

    references: Sequence[tuple[str, str | None]]
    imports: Sequence[tuple[str, str | None]]
    checksum: Checksum
    max_objects: int | None

    def __bool__(self) -> bool:
        return bool(self.references or self.imports)


def parse_reference(text: str) -> tuple[str, str | None]:
    """Split `URI[=NAME]`: what follows the last `=` is the name.

    It is part of the URI where it could be no name: before a slash at the end, or as the only one of a parameter of the
    query. With nothing behind the last `=` there is no name: so a key that has an `=` can be written.

    Raises:
        InvalidInputError: There is no URI.
    """
    uri, equals, name = text.rpartition("=")
    query = text.partition("?")[2]
    if not equals or (text.endswith("/") and name) or ("?" not in name and query.rpartition("&")[2].count("=") == 1):
        uri, name = text, ""
    if ":" not in uri:
        raise InvalidInputError(f"{quoted(text)} has no scheme: write URI or URI=NAME, as s3://bucket/prefix=images")
    return uri, name.rstrip("/") or None


def put_with_references(
    store: Store,
    paths: Sequence[str],
    elsewhere: Elsewhere,
    version: NewVersion,
    *,
    who: Actor,
    if_changed: bool,
    name_in: bytes | None,
    links: OutsideLinks,
    exclude: bytes,
) -> Stored:
    """Store local paths, references and imports as a new version.

    Args:
        store: Where it is stored.
        paths: As `Store.put` takes them, or none.
        elsewhere: References and imports.
        version: Describes the new version.
        who: For the journal.
        if_changed: As for `Store.put`.
        name_in: As for `Store.put`.
        links: As for `Store.put`.
        exclude: As for `Store.put`.

    Raises:
        InvalidInputError: A URI is not allowed, leads to nothing or too much, or two things have one path.
        SourceError: Something cannot be read; nothing was published.
        StorageError: The store cannot be written; nothing was published.
    """
    contents = PendingEntries(store)
    try:
        if paths:
            began = time.time_ns()
            top = scan_paths([os.fsencode(path) for path in paths], os.fsencode(store.path), name_in, links, exclude)
            contents.add_tree(b"", top, began, merge=False, reread=False)
        _add_references(contents, elsewhere, known=partial(_entry_before, store, _retained_latest(store, version)))
        for uri, name in elsewhere.imports:
            with progress_bar("importing") as bar:
                import_objects(
                    contents,
                    uri,
                    None if name is None else entry_path(name),
                    max_objects=elsewhere.max_objects,
                    total=bar.total if bar else _ignore,
                    done=bar.advance if bar else _ignore,
                )
        tree = contents.tree(store)
        logged = store.catalog.create_version(version, tree, who, if_changed=if_changed)
        new_size = contents.new_size
    finally:
        contents.close()
    files = sum(1 for entry in contents.entries.values() if entry.kind in (Kind.FILE, Kind.REFERENCE))
    return Stored(*logged, files, tree.size, new_size)


def found_references(elsewhere: Elsewhere) -> dict[bytes, Entry]:
    """Return the references and imports that a put would store, by path; nothing is stored.

    No object is read: they are without their chunk lists.

    Raises:
        InvalidInputError: As `put_with_references`.
        SourceError: As `put_with_references`.
    """
    with closing(Handlers()) as handlers:
        contents = PendingEntries(references=handlers)  # it makes no store for them
        every = elsewhere._replace(references=[*elsewhere.references, *elsewhere.imports])
        _add_references(contents, every, dry_run=True)
    return contents.entries


def changes_by_references(
    store: Store | None, latest: Version | None, local: Iterator[Difference], found: dict[bytes, Entry]
) -> Iterator[Difference]:
    """Yield what references change, besides the changes by local files.

    Args:
        store: The store, if there is one.
        latest: The version that is compared with, if there is one.
        local: What the local files change; what they would remove are the references of the version, too.
        found: The references, by path.
    """
    before: dict[bytes, Entry] = {}
    if store is not None and latest is not None:
        from artfs.store import root_entry

        before = {path: entry for path, entry in store.walk(root_entry(latest)) if path in found}
    kept = {parent for path in found for parent in _parents(path)}
    for difference in local:
        if difference.path not in found and not (difference.new is None and difference.path in kept):
            yield difference
    for path, entry in sorted(found.items()):
        old = before.get(path)
        if old is None or not _is_same(old, entry):
            yield Difference(path, old, entry)


def _retained_latest(store: Store, version: NewVersion) -> Version | None:
    """Return the latest version of an artifact, which gc then leaves as long as the store is open."""
    with store.catalog.view() as view:
        artifact = view.artifact_by_name(version.name)
        latest = None if artifact is None else view.latest(artifact.serial)
    if latest is not None:
        store.retain(latest)
    return latest


def _entry_before(store: Store, latest: Version | None, path: bytes) -> Entry | None:
    """Return what the latest version has at a path."""
    if latest is None:
        return None
    from artfs.store import root_entry

    entry = root_entry(latest)
    for name in path.split(b"/"):
        found = store.pages.find(entry.node, name) if entry.kind == Kind.DIRECTORY else None
        if found is None:
            return None
        entry = found[0]
    return entry


def _is_same(old: Entry, found: Entry) -> bool:
    """Return whether a put would not change an entry; a reference with a chunk list if its object did not."""
    if (old.kind, old.digest) == (found.kind, found.digest):
        return True
    if old.kind != Kind.REFERENCE or found.kind != Kind.REFERENCE:
        return False
    before = decode_reference(old)
    return before.chunks is not None and before.at_source == decode_reference(found)


def _add_references(
    contents: PendingEntries,
    elsewhere: Elsewhere,
    *,
    known: Callable[[bytes], Entry | None] | None = None,
    dry_run: bool = False,
) -> None:
    for uri, name in elsewhere.references:
        with ExitStack() as finding, progress_bar("reading") as bar:
            add_reference(
                contents,
                uri,
                None if name is None else entry_path(name),
                checksum=elsewhere.checksum,
                max_objects=elsewhere.max_objects,
                found=finding.enter_context(counter("objects found")),
                known=known,
                dry_run=dry_run,
                reading=None if bar is None else _Reading(bar, finding.close),
            )


class _Reading:
    """A bar that takes the place of the count of objects that were found."""

    def __init__(self, bar: Progress, found_all: Callable[[], object]) -> None:
        self._bar = bar
        self._found_all = found_all

    def total(self, files: int, size: int) -> None:
        """Set the number of objects and bytes that are read."""
        self._found_all()
        self._bar.total(files, size)

    def advance(self, files: int, size: int) -> None:
        """Count more of them as read."""
        self._bar.advance(files, size)


def _parents(path: bytes) -> Iterator[bytes]:
    while path := path.rpartition(b"/")[0]:
        yield path


def _ignore(_files: int, _size: int) -> None:
    pass
