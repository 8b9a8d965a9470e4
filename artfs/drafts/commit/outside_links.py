"""Symlinks of a commit that lead out of its draft: in the version they lead to nothing."""

from __future__ import annotations

import stat
from collections.abc import Sequence

from artfs.drafts.commit.dirty_walk import ChangedDirectory
from artfs.drafts.db.schema import BASE
from artfs.drafts.view import DraftView
from artfs.format.node import Entry, Kind
from artfs.names import quoted
from artfs.store.tree.symlink_paths import leads_outside

__all__ = ["outside_links_note"]


def outside_links_note(draft: DraftView, directories: Sequence[ChangedDirectory]) -> str:
    """Return one line about changed symlinks that lead out of a draft; empty if there are none."""
    found: list[tuple[bytes, bytes]] = []
    for directory in directories:
        for name, ino in directory.names.items():
            row = draft.inode(ino) if ino else None
            if row is None or not stat.S_ISLNK(row.mode):
                continue
            path = directory.path + name
            if leads_outside(path.split(b"/"), row.target, lambda at: _symlink_at(draft, at)):
                found.append((path, row.target))
    if not found:
        return ""
    links = "1 symlink leads" if len(found) == 1 else f"{len(found):,} symlinks lead"
    first, to = map(quoted, min(found))
    return f"{links} out of the draft and will lead to nothing in the version; the first is {first} -> {to}"


def _symlink_at(draft: DraftView, at: Sequence[bytes]) -> Entry | None:
    ino = BASE
    for name in at:
        ino = draft.find(ino, name) if draft.is_directory(ino) else 0
        if not ino:
            return None
    row = draft.inode(ino)
    if not stat.S_ISLNK(row.mode):
        return None
    return Entry(at[-1], Kind.SYMLINK, 0o777, 0, len(row.target), b"", extra=row.target)
