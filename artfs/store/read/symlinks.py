"""Paths through the symlinks of a version, resolved as the kernel does on a mounted one."""

from __future__ import annotations

from artfs.catalog import Version
from artfs.errors import InvalidInputError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.names import EntryPath, parse_entry_path, quoted
from artfs.store.store import Store
from artfs.store.tree.symlink_paths import resolve

__all__ = ["directory_through_links", "entry_at", "entry_through_links", "entry_to_copy", "entry_to_list"]


def entry_through_links(store: Store, version: Version, path: EntryPath) -> tuple[EntryPath, Entry]:
    """Return the path without symlinks that a path leads to, and the entry there.

    Args:
        store: The store that has the version.
        version: The version that the path is in.
        path: Any part of it may be a symlink, its last one too.

    Raises:
        NotFoundError: There is nothing.
        InvalidInputError: A symlink leads out of the version, or in circles.
    """
    try:
        entry = store.entry(version, path)
        if entry.kind != Kind.SYMLINK:
            return path, entry
    except NotFoundError:
        pass  # there may be a symlink on the way
    try:
        target = tuple(resolve((), path, lambda at: store.entry(version, tuple(at))))
        return target, store.entry(version, target)
    except NotFoundError as error:
        named = quoted(b"/".join(path))
        if named in str(error):
            raise
        raise NotFoundError(f"{named} leads to nothing: {error}") from error


def directory_through_links(store: Store, version: Version, path: bytes) -> Entry | None:
    """Return the directory that a path leads to if it goes through symlinks; None if it does not, or leads to none."""
    try:
        parts = parse_entry_path(path)
        target, entry = entry_through_links(store, version, parts)
    except (NotFoundError, InvalidInputError):
        return None
    return entry if entry.kind == Kind.DIRECTORY and tuple(target) != tuple(parts) else None


def entry_at(store: Store, version: Version, path: EntryPath) -> Entry:
    """Return the entry at a path as lstat(2) does: symlinks are followed, the last name is not.

    Raises:
        NotFoundError: There is nothing.
        InvalidInputError: A symlink on the way leads out of the version, or in circles.
    """
    try:
        return store.entry(version, path)
    except NotFoundError:
        if len(path) < 2:  # there is nothing on the way
            raise
    parent, _directory = entry_through_links(store, version, path[:-1])
    return store.entry(version, (*parent, path[-1]))


def entry_to_copy(store: Store, version: Version, path: EntryPath) -> Entry:
    """Return the entry to write out for a path: what a symlink leads to, in place of the symlink.

    Where it leads to nothing in the version there is only the symlink, which is returned.

    Raises:
        NotFoundError: There is nothing at the path.
        InvalidInputError: A symlink on the way leads out of the version, or in circles.
    """
    entry = entry_at(store, version, path)
    if entry.kind != Kind.SYMLINK:
        return entry
    try:
        return entry_through_links(store, version, path)[1]
    except (NotFoundError, InvalidInputError):
        return entry


def entry_to_list(store: Store, version: Version, path: EntryPath) -> Entry:
    """Return the entry that a listing of a path is of, as `ls` does: a symlink is followed to a directory only.

    Raises:
        NotFoundError: There is nothing at the path.
        InvalidInputError: A symlink on the way leads out of the version, or in circles.
    """
    entry = entry_to_copy(store, version, path)
    return entry if entry.kind == Kind.DIRECTORY else entry_at(store, version, path)
