"""Drafts without a mount."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from artfs.catalog import Version
from artfs.store import root_entry
from artfs.vfs.draft.database import DraftDatabase
from artfs.vfs.draft.inodes import row_of_entry
from artfs.vfs.draft.rows import BASE, META_ORIGIN, META_STATE, InodeRow, Origin, State, encode_row, inode_key

__all__ = ["make_draft"]


def make_draft(place: Path, version: Version | None) -> Path:
    """Make a draft over a version, or over nothing."""
    now = time.time_ns()
    if version is None:
        origin = Origin("base")
        row = InodeRow(stat.S_IFDIR | 0o755, os.getuid(), os.getgid(), 2, 0, now, now, now)
    else:
        tree = version.tree
        origin = Origin("base", tree.root, version.serial, "base:v0", tree.root, tree.digest)
        row = row_of_entry(root_entry(version), (os.getuid(), os.getgid()))
    place.mkdir()
    (place / "data").mkdir()
    rows = [(META_STATE, encode_row(State())), (META_ORIGIN, encode_row(origin)), (inode_key(BASE), encode_row(row))]
    DraftDatabase.create(place, rows)
    return place
