"""Garbage collection of a store with its drafts: open drafts are roots beside the catalog's."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from artfs.catalog import Actor, Version
from artfs.drafts.db.database import DraftSnapshot
from artfs.drafts.db.redo_log import logs, read_log
from artfs.drafts.db.redo_records import LogDamage
from artfs.drafts.db.schema import META_ORIGIN, decode_inode, decode_origin
from artfs.drafts.discarded import DiscardedDraft, DiscardedDrafts
from artfs.drafts.registry import DraftLocation, DraftRegistry, room_of
from artfs.errors import ArtfsError, IntegrityError, StorageError
from artfs.format.pack import RecordKind
from artfs.format.reference import stored_file
from artfs.lineage import record_crashes
from artfs.store import Store
from artfs.store.gc import Freed, FreedDraft, collect_garbage, reclaimable_bytes
from artfs.store.tree.links import Root, root_of_file

__all__ = ["collect_store", "reclaimable_of_store", "roots_of_drafts"]

_LOG = re.compile(r"redo-([0-9]+)\.log\Z")
_ROWS_AT_A_TIME = 1000


def collect_store(
    store: Store, who: Actor, *, grace_ns: int = 0, dry_run: bool = False, timeout: float = 60.0
) -> Freed:
    """Remove deleted and expired versions for good, and free the space of unreferenced contents.

    First of all it makes edges of what runs opened: of a removed version no paths are found.

    Args:
        store: The store; mounts, writers and readers may go on with it.
        who: For the journal.
        grace_ns: Keep what was deleted or discarded at most so long ago (nanoseconds).
        dry_run: Change nothing, and report what would be removed.
        timeout: Seconds to wait for writers that began before.

    Raises:
        ConflictError: Another gc is running, or a writer goes on for too long.
        IntegrityError: The store or a draft is damaged: the references cannot be known.
        StorageError: The system refused; nothing is lost.
    """
    drafts = store.layout.drafts
    since_ns = time.time_ns() - grace_ns
    discarded = DiscardedDrafts(drafts)
    if dry_run:
        gone = [(draft, room_of(draft.path)) for draft in discarded.list() if draft.discarded_ns <= since_ns]
    else:
        gone = list(discarded.remove_until(since_ns))
        record_crashes(store, running=True)
    kept = tuple(draft.name for draft in discarded.list() if draft.discarded_ns > since_ns)
    roots = partial(roots_of_drafts, drafts, since_ns)
    freed = collect_garbage(store, who, roots, grace_ns=grace_ns, dry_run=dry_run, timeout=timeout)
    removed = tuple(FreedDraft(draft.number, draft.name, size) for draft, size in gone)
    return replace(freed, drafts=removed, kept_drafts=kept)


def reclaimable_of_store(store: Store, versions: Sequence[Version]) -> int:
    """Return the bytes that gc gives back once versions are deleted; see `reclaimable_bytes`."""
    return reclaimable_bytes(store, versions, roots_of_drafts(store.layout.drafts, time.time_ns()))


def roots_of_drafts(drafts: Path, since_ns: int = 0) -> Iterator[Root]:
    """The nodes and contents that open and discarded drafts refer to, in rows and redo logs.

    A mount may serve the drafts meanwhile. A log is merged into the rows before it is removed: so logs are read first,
    and every state of a row in a record or in the rows counts. Thus what a change replaced is kept a little longer.

    Args:
        drafts: The directory of the store's drafts.
        since_ns: Leave out drafts that were discarded before (nanoseconds since 1970).

    Raises:
        IntegrityError: A draft is damaged.
        StorageError: The system refused.
    """
    seen: set[Path] = set()
    while new := [draft for draft in _open_and_discarded(drafts, since_ns) if draft.path not in seen]:
        for draft in new:
            seen.add(draft.path)
            try:
                found = [*_in_logs(draft.path), *_in_rows(draft.path)]
            except (OSError, ArtfsError) as error:
                if not draft.path.exists():
                    continue  # it was closed, discarded or brought back meanwhile: the next look finds it
                if isinstance(error, OSError):
                    raise StorageError.of(error, f"reading the draft {draft.name}") from error
                if not isinstance(error, IntegrityError):
                    raise
                way = "; `artfs gc --now` removes it" if isinstance(draft, DiscardedDraft) else ""
                raise IntegrityError(
                    f"the draft {draft.name} is damaged, so gc cannot know what it holds: {error}{way}"
                ) from error
            yield from found


def _open_and_discarded(drafts: Path, since_ns: int) -> list[DraftLocation | DiscardedDraft]:
    discarded = [draft for draft in DiscardedDrafts(drafts).list() if draft.discarded_ns > since_ns]
    return [*DraftRegistry(drafts).list(), *discarded]


def _in_logs(directory: Path) -> Iterator[Root]:
    for path in list(logs(directory)):
        match = _LOG.match(path.name)
        if match is None:
            continue
        with suppress(FileNotFoundError):  # merged meanwhile
            for found in read_log(directory, int(match[1])):
                for key, value in () if isinstance(found, LogDamage) else found:
                    if value is not None:
                        yield from _roots_of_row(key, value)


def _in_rows(directory: Path) -> Iterator[Root]:
    with DraftSnapshot.open(directory) as snapshot:
        origin = snapshot.get(META_ORIGIN)
        if origin is not None:
            yield from _roots_of_row(META_ORIGIN, origin)
        start = b""
        while rows := snapshot.items(b"I", start, _ROWS_AT_A_TIME):
            for rest, value in rows:
                yield from _roots_of_row(b"I" + rest, value)
            start = rows[-1][0] + b"\0"


def _roots_of_row(key: bytes, value: bytes) -> Iterator[Root]:
    nodes: list[bytes] = []
    if key == META_ORIGIN:
        origin = decode_origin(value)
        nodes = [origin.lower, origin.base_root, origin.own_root]
    elif key[:1] == b"I":
        row = decode_inode(value)
        nodes = [row.lower, b"" if row.committed is None else row.committed.node]
        file = stored_file(row.content.entry())
        if file is not None and file.size and file.digest:
            yield root_of_file(file)
    for node in nodes:
        if node:
            yield Root(RecordKind.NODE, node)
