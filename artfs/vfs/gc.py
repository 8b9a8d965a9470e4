"""Garbage collection of a store with its drafts: what open drafts hold is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from artfs.catalog import Actor
from artfs.errors import ArtfsError, IntegrityError, StorageError
from artfs.format.node import Kind
from artfs.format.pack import RecordKind
from artfs.store import Store
from artfs.store.gc import Freed, collect_garbage
from artfs.store.gc.marks import Root, root_of_file
from artfs.vfs.draft.home import DraftsHome
from artfs.vfs.draft.redo import logs, read_log
from artfs.vfs.draft.rows import META_ORIGIN, decode_inode, decode_origin
from artfs.vfs.draft.snapshot import DraftSnapshot

__all__ = ["collect_store", "roots_of_drafts"]

_LOG = re.compile(r"redo-([0-9]+)\.log\Z")
_PORTION = 1000


def collect_store(store: Store, who: Actor, *, dry_run: bool = False, patience: float = 60.0) -> Freed:
    """Remove deleted and expired versions for good, and give back the space of what nobody holds.

    Args:
        store: The store; mounts, writers and readers may go on with it.
        who: For the journal.
        dry_run: Change nothing, and say what would go.
        patience: Seconds to wait for writers that began before.

    Raises:
        ConflictError: Another gc is at it, or a writer goes on for too long.
        IntegrityError: The store or a draft is damaged: what is held cannot be known.
        StorageError: The system refused; nothing is lost.
    """
    drafts = store.layout.drafts
    return collect_garbage(store, who, lambda: roots_of_drafts(drafts), dry_run=dry_run, patience=patience)


def roots_of_drafts(drafts: Path) -> Iterator[Root]:
    """What open drafts hold: the trees under them, and what is stored of them, in rows and logs.

    Whoever serves them may be at it. What a log says is merged into the rows before the log is removed: so logs are
    read first, and each row counts as every record and the rows tell of it. What was changed is held a little longer.

    Args:
        drafts: The store's directory for them.

    Raises:
        IntegrityError: A draft is damaged.
        StorageError: The system refused.
    """
    for place in DraftsHome(drafts).list():
        try:
            found = [*_in_logs(place.path), *_in_rows(place.path)]
        except (OSError, ArtfsError) as error:
            if not place.path.exists():
                continue  # it was closed meanwhile
            if isinstance(error, OSError):
                raise StorageError.of(error, f"reading the draft {place.name}") from error
            if not isinstance(error, IntegrityError):
                raise
            raise IntegrityError(
                f"the draft {place.name} is damaged, so gc cannot know what it holds: {error}"
            ) from error
        yield from found


def _in_logs(directory: Path) -> Iterator[Root]:
    for path in list(logs(directory)):
        match = _LOG.match(path.name)
        if match is None:
            continue
        with suppress(FileNotFoundError):  # merged meanwhile
            for changes in read_log(directory, int(match[1])):
                for key, value in changes:
                    if value is not None:
                        yield from _roots_of_row(key, value)


def _in_rows(directory: Path) -> Iterator[Root]:
    with DraftSnapshot.open(directory) as snapshot:
        origin = snapshot.get(META_ORIGIN)
        if origin is not None:
            yield from _roots_of_row(META_ORIGIN, origin)
        start = b""
        while rows := snapshot.items(b"I", start, _PORTION):
            for rest, value in rows:
                yield from _roots_of_row(b"I" + rest, value)
            start = rows[-1][0] + b"\0"


def _roots_of_row(key: bytes, value: bytes) -> Iterator[Root]:
    nodes: list[bytes] = []
    if key == META_ORIGIN:
        origin = decode_origin(value)
        nodes = [origin.lower, origin.base_root]
    elif key[:1] == b"I":
        row = decode_inode(value)
        nodes = [row.lower, b"" if row.committed is None else row.committed.node]
        entry = row.content.entry()
        if entry.kind == Kind.FILE and entry.size and entry.digest:
            yield root_of_file(entry)
    for node in nodes:
        if node:
            yield Root(RecordKind.NODE, node)
