"""The tree of the next version, made of what the last one had and what changed."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence

from artfs.errors import InvalidInputError, UnsupportedFileError
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.names import MAX_PATH_BYTES, quoted
from artfs.store.tree.build import EMPTY_DIGEST, NodeSink, as_directory, build_directory, edit_directory
from artfs.store.tree.pages import Pages
from artfs.vfs.draft.changes import ChangedDirectory
from artfs.vfs.draft.rows import Committed, InodeRow
from artfs.vfs.draft.tree import DraftTree

__all__ = ["build_tree", "check_kinds", "is_stored", "to_store"]

_MODE_MASK = 0o1777
_NAMED_AT_MOST = 5
_UNSUPPORTED = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}

Contents = Mapping[int, tuple[bytes, bytes]]
"""Digest and extra of files that were stored for this commit, by inode."""


def check_kinds(draft: DraftTree, directories: Sequence[ChangedDirectory]) -> None:
    """Refuse what a version cannot hold.

    Raises:
        UnsupportedFileError: A socket, FIFO or device is in the draft.
        InvalidInputError: A path is too long.
    """
    found: list[str] = []
    for directory in directories:
        for name, ino in directory.names.items():
            if not ino:
                continue
            kind = _UNSUPPORTED.get(stat.S_IFMT(draft.inode(ino).mode))
            if kind is not None:
                found.append(f"{quoted(directory.path + name)} is {kind}")
            if len(directory.path) + len(name) > MAX_PATH_BYTES:
                raise InvalidInputError(
                    f"{quoted(directory.path + name)} is too deep: paths have at most {MAX_PATH_BYTES} bytes"
                )
    if found:
        more = f" (and {len(found) - _NAMED_AT_MOST} more)" if len(found) > _NAMED_AT_MOST else ""
        raise UnsupportedFileError(
            f"{', '.join(found[:_NAMED_AT_MOST])}{more}, which an artifact cannot hold: remove it and commit again"
        )


def is_stored(draft: DraftTree, ino: int, row: InodeRow) -> bool:
    """Whether the store has exactly a file's bytes already."""
    content = row.content
    return (not row.size or content.limit == content.size == row.size) and not draft.rows.items(
        b"E" + ino.to_bytes(8), limit=1
    )


def to_store(draft: DraftTree, directories: Sequence[ChangedDirectory]) -> dict[int, InodeRow]:
    """The files whose bytes have to be stored first, in the order in which a tree is read."""
    files: dict[int, InodeRow] = {}
    for directory in directories:
        for _name, ino in sorted(directory.names.items()):
            if ino and ino not in files and draft.base_entry(ino) is None:
                row = draft.inode(ino)
                if stat.S_ISREG(row.mode) and not is_stored(draft, ino, row):
                    files[ino] = row
    return files


def build_tree(
    draft: DraftTree,
    directories: Sequence[ChangedDirectory],
    stored: Contents,
    pages: Pages,
    sink: NodeSink,
    *,
    anew: bool,
) -> dict[int, Committed]:
    """Make the pages of directories.

    Args:
        draft: The draft.
        directories: Parents first, the draft's own at the beginning.
        stored: Contents of the files of `to_store`.
        pages: Reads the pages that there are.
        sink: Takes those that are new.
        anew: The directories have all their names: what was committed of them does not matter.

    Returns:
        What became of each directory.
    """
    built: dict[int, Committed] = {}
    for directory in reversed(directories):
        changes = {
            name: _entry(draft, name, ino, built, stored, sink) if ino else None
            for name, ino in directory.names.items()
        }
        committed = draft.inode(directory.ino).committed
        if anew or committed is None:
            top = build_directory([entry for _name, entry in sorted(changes.items()) if entry is not None], sink)
        elif changes:
            top = edit_directory(committed.node, changes, pages, sink)
        else:
            top = pages.top(committed.node)
        built[directory.ino] = Committed(top.node, top.digest, top.size, top.below)
    return built


def _entry(
    draft: DraftTree, name: bytes, ino: int, built: Mapping[int, Committed], stored: Contents, sink: NodeSink
) -> Entry:
    """The entry that a name has in the version."""
    if ino not in built:
        base = draft.base_entry(ino)
        if base is not None:
            return base._replace(name=name)
    row = draft.inode(ino)
    mode = row.mode & _MODE_MASK
    if stat.S_ISDIR(row.mode):
        committed = built.get(ino) or row.committed
        if committed is None:
            top = build_directory([], sink)
            committed = Committed(top.node, top.digest, top.size, top.below)
        entry = Entry(name, Kind.DIRECTORY, mode, row.mtime_ns, 0, b"")
        return as_directory(
            entry, Entry(b"", Kind.PAGE, 0, 0, committed.size, committed.digest, committed.below, committed.node)
        )
    if stat.S_ISLNK(row.mode):
        return Entry(name, Kind.SYMLINK, 0o777, row.mtime_ns, row.size, digest(row.target), extra=row.target)
    if row.content.is_reference and ino not in stored:
        return row.content.entry(name, mode, row.mtime_ns)
    if not row.size:
        return Entry(name, Kind.FILE, mode, row.mtime_ns, 0, EMPTY_DIGEST)
    content = stored.get(ino) or (row.content.digest, row.content.extra)
    return Entry(name, Kind.FILE, mode, row.mtime_ns, row.size, content[0], extra=content[1])
