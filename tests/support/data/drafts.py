"""Drafts without a mount."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

from artfs.catalog import Version
from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.db.database import DraftDatabase
from artfs.drafts.db.schema import BASE, META_ORIGIN, META_STATE, DraftCounters, InodeRow, Origin, encode_row, inode_key
from artfs.drafts.draft import Draft
from artfs.drafts.namespace.inodes import inode_from_entry
from artfs.drafts.storer import CommitOutcome, DraftStorer, Report
from artfs.drafts.storer_protocol import CommitDelta
from artfs.names import parse_ref
from artfs.store import Store, root_entry

__all__ = ["commit", "make_draft", "make_file", "paths_of"]


def make_draft(place: Path, version: Version | None) -> Path:
    """Make a draft over a version, or over nothing."""
    now = time.time_ns()
    if version is None:
        origin = Origin("base")
        row = InodeRow(stat.S_IFDIR | 0o755, os.getuid(), os.getgid(), 2, 0, now, now, now)
    else:
        tree = version.tree
        origin = Origin("base", tree.root, version.serial, "base:v0", tree.root, tree.digest)
        row = inode_from_entry(root_entry(version), (os.getuid(), os.getgid()))
    place.mkdir()
    (place / "data").mkdir()
    rows = [
        (META_STATE, encode_row(DraftCounters())),
        (META_ORIGIN, encode_row(origin)),
        (inode_key(BASE), encode_row(row)),
    ]
    DraftDatabase.create(place, rows)
    return place


def commit(
    draft: Draft, storer: DraftStorer, request: CommitRequest | None = None, copy: Path | None = None
) -> CommitOutcome:
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
        if isinstance(report, CommitDelta):
            draft.apply_delta(report)
    draft.end_commit(frozen, outcome.origin)
    draft.thaw()
    return outcome


def make_file(draft: Draft, path: str, data: bytes = b"", directory: int = BASE) -> int:
    """Make a file with its directories, written and closed."""
    *parents, name = path.encode().split(b"/")
    for parent in parents:
        found = draft.lookup(directory, parent)
        directory = (found or draft.make(directory, parent, stat.S_IFDIR | 0o755, 0, 0)).ino
    ino = draft.make(directory, name, stat.S_IFREG | 0o644, 0, 0).ino
    draft.inode_use.opened(ino, writing=True)
    for at in range(0, len(data), 1 << 20):
        draft.files.write(ino, at, data[at : at + (1 << 20)])
    draft.inode_use.closed(ino, writing=True)
    return ino


def paths_of(store: Store, ref: str) -> list[bytes]:
    """All paths of a version."""
    return sorted(path for path, _entry in store.walk(root_entry(store.version(parse_ref(ref)))))
