"""Build the tree of the next version from the pages of the last one and the changes."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence

from artfs.drafts.commit.dirty_walk import ChangedDirectory
from artfs.drafts.db.schema import CommittedDirectory, InodeRow
from artfs.drafts.view import DraftView
from artfs.errors import InvalidInputError, SourceError, UnsupportedFileError
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.names import MAX_PATH_BYTES, quoted
from artfs.store.tree.build import EMPTY_DIGEST, NodeSink, as_directory, build_directory, edit_directory
from artfs.store.tree.pages import Pages

__all__ = ["build_tree", "files_to_store", "is_stored", "reject_refused_files", "reject_special_files"]

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


def reject_special_files(draft: DraftView, directories: Sequence[ChangedDirectory]) -> None:
    """Refuse files that a version cannot have.

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


def reject_refused_files(draft: DraftView, directories: Sequence[ChangedDirectory]) -> None:
    """Refuse files that lack bytes which were written to them.

    Raises:
        SourceError: A file of the draft has a range that a write was refused for.
    """
    refused = {int.from_bytes(key[:8]) for key, _end in draft.rows.items(b"R")}
    if not refused:
        return
    found = sorted(
        quoted(directory.path + name)
        for directory in directories
        for name, ino in directory.names.items()
        if ino in refused
    )
    if found:
        more = f" and {len(found) - _NAMED_AT_MOST} more" if len(found) > _NAMED_AT_MOST else ""
        raise SourceError(
            f"writes to {', '.join(found[:_NAMED_AT_MOST])}{more} were refused, as on a full disk: bytes are missing;"
            " write it again from the beginning, truncate or remove it, and commit again"
        )


def is_stored(draft: DraftView, ino: int, row: InodeRow) -> bool:
    """Return whether the store has all bytes of a file already."""
    content = row.content
    return (not row.size or content.limit == content.size == row.size) and not draft.rows.items(
        b"E" + ino.to_bytes(8), limit=1
    )


def files_to_store(draft: DraftView, directories: Sequence[ChangedDirectory]) -> dict[int, InodeRow]:
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
    draft: DraftView,
    directories: Sequence[ChangedDirectory],
    stored: Contents,
    pages: Pages,
    sink: NodeSink,
    *,
    complete: bool,
) -> dict[int, CommittedDirectory]:
    """Build the pages of directories, bottom-up.

    Args:
        draft: The draft.
        directories: Parents first, the draft's own at the beginning.
        stored: Contents of the files of `files_to_store`.
        pages: Reads the pages of the last version.
        sink: Takes new pages.
        complete: `directories` have all their names, so that the last version does not matter.

    Returns:
        Each directory as the next version has it, by inode.
    """
    built: dict[int, CommittedDirectory] = {}
    for directory in reversed(directories):
        changes = {
            name: _entry(draft, name, ino, built, stored, sink) if ino else None
            for name, ino in directory.names.items()
        }
        committed = draft.inode(directory.ino).committed
        if complete or committed is None:
            top = build_directory([entry for _name, entry in sorted(changes.items()) if entry is not None], sink)
        elif changes:
            top = edit_directory(committed.node, changes, pages, sink)
        else:
            top = pages.top(committed.node)
        built[directory.ino] = CommittedDirectory(top.node, top.digest, top.size, top.below)
    return built


def _entry(
    draft: DraftView, name: bytes, ino: int, built: Mapping[int, CommittedDirectory], stored: Contents, sink: NodeSink
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
            committed = CommittedDirectory(top.node, top.digest, top.size, top.below)
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
