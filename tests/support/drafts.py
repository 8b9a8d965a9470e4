"""Drafts without a mount."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

from artfs.catalog import Version
from artfs.store import root_entry
from artfs.vfs.draft.database import DraftDatabase
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.inodes import row_of_entry
from artfs.vfs.draft.jobs import Portion
from artfs.vfs.draft.request import CommitRequest
from artfs.vfs.draft.rows import BASE, META_ORIGIN, META_STATE, InodeRow, Origin, State, encode_row, inode_key
from artfs.vfs.draft.storer import DraftStorer, Outcome, Report

__all__ = ["commit", "make_draft"]


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


def commit(
    draft: Draft, storer: DraftStorer, request: CommitRequest | None = None, copy: Path | None = None
) -> Outcome:
    """Commit a draft and have it take over what came of it, as the two processes of a staging mount do.

    LMDB opens an environment once in a process, so the storer, elsewhere a process of its own, gets a copy;
    beside the draft, if it is not said where.
    """
    frozen = draft.freeze()
    copy = copy or draft.directory.with_name("frozen")
    # Not LMDB's lock file: who opens and closes it loses the locks that tell others that somebody is at the draft.
    shutil.copytree(draft.directory, copy, ignore=shutil.ignore_patterns("lock.mdb"), dirs_exist_ok=True)
    reports: list[Report] = []
    try:
        outcome = storer.commit(copy, request or CommitRequest(), reports.append)
    finally:
        shutil.rmtree(copy)
    for report in reports:
        if isinstance(report, Portion):
            draft.settle(report)
    draft.committed(frozen, outcome.origin)
    draft.thaw()
    return outcome
