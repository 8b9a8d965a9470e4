"""Garbage collection from end to end, safe beside writers and readers.

The order of its steps is a rule of docs/FORMAT.md, "Collecting garbage".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from artfs.catalog import Actor, RemovedVersion, View
from artfs.errors import ArtfsError, ConflictError, StorageError
from artfs.format.pack import PackKind, RecordKind
from artfs.store.gc.mark import Marks, roots_of_store
from artfs.store.gc.select_packs import Candidate, select_packs
from artfs.store.gc.sweep import Swept, remove_packs, sweep
from artfs.store.gc.writer_barrier import await_writers
from artfs.store.layout import Layout
from artfs.store.pack_inventory import list_packs, pack_contents
from artfs.store.store import Store
from artfs.store.tree.links import Root
from artfs.store.write.statcache import invalidate_all

__all__ = ["Freed", "FreedDraft", "collect_garbage"]

_VERSIONS_AT_ONCE: Final = 100_000
_TIMEOUT_SECONDS: Final = 60.0
_UNCONDEMNED_AT_ONCE: Final = 100_000
_RECORD_KIND: Final = {PackKind.DATA: RecordKind.CHUNK, PackKind.NODES: RecordKind.NODE}

MoreRoots = Callable[[], Iterable[Root]]


class FreedDraft(NamedTuple):
    """A discarded draft that was removed.

    Attributes:
        number: That it had.
        name: That it had in the staging root.
        size: Bytes that its own files take on the disk.
    """

    number: int
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Freed:
    """The result of a gc, or of a dry run.

    Attributes:
        versions: Those that cannot be brought back any more.
        packs: How many packs were removed, or rewritten.
        size: Bytes that the packs take less. Of a dry run: unmarked bytes in the packs that would be rewritten.
        kept: References of deleted versions that still can be brought back, as they were deleted in the grace period.
        unused: Bytes that nothing needs and that stay, in packs of which too little is unused to rewrite them.
        drafts: Discarded drafts that cannot be brought back any more; their bytes are not in `size`.
        kept_drafts: Names of discarded drafts that still can be brought back.
    """

    versions: tuple[RemovedVersion, ...]
    packs: int
    size: int
    kept: tuple[str, ...] = ()
    unused: int = 0
    drafts: tuple[FreedDraft, ...] = ()
    kept_drafts: tuple[str, ...] = ()


def collect_garbage(
    store: Store,
    who: Actor,
    more_roots: MoreRoots,
    *,
    grace_ns: int = 0,
    dry_run: bool = False,
    timeout: float = _TIMEOUT_SECONDS,
) -> Freed:
    """Remove deleted and expired versions for good, and give back the space that only they used.

    Args:
        store: The store; mounts, writers and readers may go on with it.
        who: For the journal.
        more_roots: Lists other roots to keep, those of open drafts. Called more than once.
        grace_ns: Keep versions that were deleted at most so long ago (nanoseconds).
        dry_run: Change nothing, and return what would be removed.
        timeout: Seconds to wait for writers that began before.

    Raises:
        ConflictError: Another gc or a check is at work, or a writer goes on for too long. No contents were removed.
        IntegrityError: The store is damaged: what is needed cannot be known, or cannot be copied.
        StorageError: The system refused; nothing is lost.
    """
    with _lock_packs(store.layout), store.layout.ballast.released_if_scarce():
        known = _known_packs(store)
        versions = _expire_versions(store, who, grace_ns=grace_ns, dry_run=dry_run)
        kept = _deleted_versions(store, versions)
        without = frozenset((one.artifact, one.index) for one in versions) if dry_run else frozenset()
        marks = Marks(store.node)
        marks.mark(roots_of_store(store, without))
        marks.mark(more_roots())
        chosen, unused = select_packs(store.layout.packs, known, marks.contains)
        if dry_run:
            return Freed(versions, len(chosen), sum(candidate.unmarked for candidate in chosen), kept, unused)
        try:
            swept = _sweep(store, marks, more_roots, chosen, timeout)
        finally:
            with suppress(ArtfsError):  # content that stays condemned is only stored once more
                _uncondemn_all(store)
        return Freed(versions, sum(one.removed for one in swept), sum(one.freed for one in swept), kept, unused)


def _lock_packs(layout: Layout) -> AbstractContextManager[object]:
    """Take the lock that one gc has at a time, and no check beside it."""
    try:
        return layout.packs.lock(exclusive=True, wait=False)
    except BlockingIOError:
        raise ConflictError(
            "another gc, or a check or import, is at work on the store: repeat when it has ended"
        ) from None
    except OSError as error:
        raise StorageError.of(error, f"locking the packs of {layout.root}") from error


def _known_packs(store: Store) -> list[bytes]:
    """List the packs that the index knows: what is stored from now on is in others."""
    with store.catalog.view() as view:
        known = {pack for pack, _row in view.packs()}
    return [pack for pack in list_packs(store.layout.packs) if pack in known]


def _expire_versions(store: Store, who: Actor, *, grace_ns: int, dry_run: bool) -> tuple[RemovedVersion, ...]:
    """Remove versions for good. After this none of them can be found, opened or brought back."""
    found: list[RemovedVersion] = []
    while some := store.catalog.expire_versions(who, limit=_VERSIONS_AT_ONCE, grace_ns=grace_ns, dry_run=dry_run):
        found += some
        if dry_run or len(some) < _VERSIONS_AT_ONCE:
            break
    return tuple(found)


def _deleted_versions(store: Store, removed: Sequence[RemovedVersion]) -> tuple[str, ...]:
    """List the references of the versions that are deleted and not removed."""
    without = {(one.artifact, one.index) for one in removed}
    with store.catalog.view() as view:
        deleted = (one for one in view.all_versions() if one.deleted and not one.removed)
        return tuple(str(view.ref(one)) for one in deleted if (one.artifact, one.index) not in without)


def _sweep(store: Store, marks: Marks, more_roots: MoreRoots, chosen: list[Candidate], timeout: float) -> list[Swept]:
    _uncondemn_all(store)  # rows that a killed gc has left
    unindexed = _unindexed(store)
    if not chosen and not unindexed:
        return []
    _condemn(store, marks, chosen)
    await_writers(store.layout.tmp, timeout)
    # Writers that began before have ended, and may have published content that they had found in the store. Those that
    # began later have not counted on anything condemned. So what is marked now is all that will ever be needed of it.
    marks.mark(roots_of_store(store))
    marks.mark(more_roots())
    _uncondemn_marked(store, marks, chosen)
    swept = [_remove_unindexed(store, unindexed, marks)]
    swept += [
        sweep(store, kind, [one for one in chosen if one.kind == kind]) for kind in (PackKind.NODES, PackKind.DATA)
    ]
    return swept


def _condemn(store: Store, marks: Marks, chosen: Sequence[Candidate]) -> None:
    for candidate in chosen:
        kind = _RECORD_KIND[candidate.kind]
        unmarked = [digest for digest in _digests(store, candidate) if not marks.contains(kind, digest)]
        with store.catalog.batch() as batch:
            batch.condemn(kind, unmarked)
    with store.catalog.batch() as batch:
        invalidate_all(batch)


def _uncondemn_marked(store: Store, marks: Marks, chosen: Sequence[Candidate]) -> None:
    for candidate in chosen:
        kind = _RECORD_KIND[candidate.kind]
        marked = [digest for digest in _digests(store, candidate) if marks.contains(kind, digest)]
        with store.catalog.view() as view:
            condemned = view.condemned(kind, marked)
        if condemned:
            with store.catalog.batch() as batch:
                batch.uncondemn(kind, condemned)


def _digests(store: Store, candidate: Candidate) -> list[bytes]:
    return [entry.digest for entry in pack_contents(store.layout.packs, candidate.pack).entries]


def _uncondemn_all(store: Store) -> None:
    more = True
    while more:
        with store.catalog.view() as view:
            more = view.any_condemned()
        if more:
            with store.catalog.batch() as batch:
                batch.uncondemn_some(_UNCONDEMNED_AT_ONCE)


def _unindexed(store: Store) -> list[bytes]:
    """List the packs that the index does not know (yet)."""
    packs = list_packs(store.layout.packs)
    with store.catalog.view() as view:
        return [pack for pack in packs if view.pack(pack) is None]


def _remove_unindexed(store: Store, unindexed: Sequence[bytes], marks: Marks) -> Swept:
    """Remove packs whose writers have ended before the index knew of them.

    A pack that somebody put back after it was lost stays, until a repair has added it to the index.
    """
    sizes = list_packs(store.layout.packs)
    with store.catalog.view() as view:
        left = [
            pack
            for pack in unindexed
            if pack in sizes and view.pack(pack) is None and not _has_missing_content(store, view, pack, marks)
        ]
    remove_packs(store, left)
    return Swept(removed=len(left), freed=sum(sizes[pack] for pack in left))


def _has_missing_content(store: Store, view: View, pack: bytes, marks: Marks) -> bool:
    """Return whether a pack has marked content that the index has nowhere."""
    marked: dict[RecordKind, list[bytes]] = {kind: [] for kind in RecordKind}
    for entry in pack_contents(store.layout.packs, pack).entries:
        kind = RecordKind(entry.kind)
        if marks.contains(kind, entry.digest):
            marked[kind].append(entry.digest)
    return bool(view.missing_chunks(marked[RecordKind.CHUNK]) or view.missing_nodes(marked[RecordKind.NODE]))
