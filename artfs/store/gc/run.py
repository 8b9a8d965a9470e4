"""A whole gc, in the order that makes it safe beside writers and readers (docs/FORMAT.md, "Collecting garbage")."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.catalog import Actor, Collected, View
from artfs.chunks.packfile import named_pack
from artfs.errors import ArtfsError, ConflictError, StorageError
from artfs.format.pack import PackKind, RecordKind
from artfs.store.gc.marks import Marks, Root, roots_of_store
from artfs.store.gc.packs import Candidate, candidates
from artfs.store.gc.sweep import Swept, remove_files, sweep
from artfs.store.gc.waiting import await_writers
from artfs.store.layout import Layout
from artfs.store.packlist import pack_contents, pack_paths
from artfs.store.reserve import give_way
from artfs.store.statcache import forget_all
from artfs.store.store import Store

__all__ = ["Freed", "collect_garbage"]

_VERSIONS_AT_ONCE: Final = 100_000
_PATIENCE_SECONDS: Final = 60.0
_PARDONS: Final = 100_000
_RECORD_KIND: Final = {PackKind.DATA: RecordKind.CHUNK, PackKind.NODES: RecordKind.NODE}

MoreRoots = Callable[[], Iterable[Root]]


@dataclass(frozen=True, slots=True)
class Freed:
    """What a gc did, or would do.

    Attributes:
        versions: Which cannot be brought back any more.
        packs: How many packs were removed, or rewritten.
        size: Bytes that the packs take less. Of a dry run: of what nobody holds in the packs that would go.
    """

    versions: tuple[Collected, ...]
    packs: int
    size: int


def collect_garbage(
    store: Store,
    who: Actor,
    more_roots: MoreRoots,
    *,
    dry_run: bool = False,
    patience: float = _PATIENCE_SECONDS,
) -> Freed:
    """Remove deleted and expired versions for good, and give back the space of what nobody holds.

    Args:
        store: The store; mounts, writers and readers may go on with it.
        who: For the journal.
        more_roots: What else holds contents: open drafts. Asked more than once.
        dry_run: Change nothing, and say what would go.
        patience: Seconds to wait for writers that began before.

    Raises:
        ConflictError: Another gc or a check is at it, or a writer goes on for too long. No contents were removed.
        IntegrityError: The store is damaged: what is held cannot be known, or cannot be copied.
        StorageError: The system refused; nothing is lost.
    """
    with _alone(store.layout), give_way(store.path):
        known = _known_packs(store)
        versions = _let_go(store, who, dry_run=dry_run)
        without = frozenset((one.artifact, one.index) for one in versions) if dry_run else frozenset()
        marks = Marks(store.node)
        marks.mark(roots_of_store(store, without))
        marks.mark(more_roots())
        chosen = list(candidates(known, marks.holds))
        if dry_run:
            return Freed(versions, len(chosen), sum(candidate.dead for candidate in chosen))
        try:
            swept = _sweep(store, marks, more_roots, chosen, patience)
        finally:
            with suppress(ArtfsError):  # what stays condemned is only stored again
                _pardon_all(store)
        return Freed(versions, sum(one.removed for one in swept), sum(one.freed for one in swept))


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Hold the lock that one gc has at a time, and no check."""
    try:
        descriptor = os.open(layout.packs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageError.of(error, f"opening {layout.packs}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ConflictError("another gc, or a check, is at work on the store: repeat when it has ended") from None
    finally:
        os.close(descriptor)


def _known_packs(store: Store) -> list[Path]:
    """The packs that the index knows: what is stored from now on is in others."""
    with store.catalog.view() as view:
        known = {pack for pack, _row in view.packs()}
    return [path for path in pack_paths(store.layout.packs) if named_pack(path) in known]


def _let_go(store: Store, who: Actor, *, dry_run: bool) -> tuple[Collected, ...]:
    """Remove versions for good. After this none of them can be found, opened or brought back."""
    found: list[Collected] = []
    while some := store.catalog.collect(who, limit=_VERSIONS_AT_ONCE, dry_run=dry_run):
        found += some
        if dry_run or len(some) < _VERSIONS_AT_ONCE:
            break
    return tuple(found)


def _sweep(store: Store, marks: Marks, more_roots: MoreRoots, chosen: list[Candidate], patience: float) -> list[Swept]:
    _pardon_all(store)  # what a gc before this one has left
    strays = _strays(store)
    if not chosen and not strays:
        return []
    _condemn(store, marks, chosen)
    await_writers(store.layout.tmp, patience)
    # Whoever began before has ended, and may have published what it had found to be stored; whoever began later has
    # not counted on anything condemned. So what is held now is all that will ever be held of it.
    marks.mark(roots_of_store(store))
    marks.mark(more_roots())
    _pardon_held(store, marks, chosen)
    swept = [_remove_strays(store, strays, marks)]
    swept += [
        sweep(store, kind, [one for one in chosen if one.kind == kind]) for kind in (PackKind.NODES, PackKind.DATA)
    ]
    return swept


def _condemn(store: Store, marks: Marks, chosen: Sequence[Candidate]) -> None:
    for candidate in chosen:
        kind = _RECORD_KIND[candidate.kind]
        dead = [e.digest for e in pack_contents(candidate.path).entries if not marks.holds(kind, e.digest)]
        with store.catalog.batch() as batch:
            batch.condemn(kind, dead)
    with store.catalog.batch() as batch:
        forget_all(batch)


def _pardon_held(store: Store, marks: Marks, chosen: Sequence[Candidate]) -> None:
    for candidate in chosen:
        kind = _RECORD_KIND[candidate.kind]
        held = [e.digest for e in pack_contents(candidate.path).entries if marks.holds(kind, e.digest)]
        with store.catalog.view() as view:
            pardoned = view.condemned(kind, held)
        if pardoned:
            with store.catalog.batch() as batch:
                batch.pardon(kind, pardoned)


def _pardon_all(store: Store) -> None:
    more = True
    while more:
        with store.catalog.view() as view:
            more = view.any_condemned()
        if more:
            with store.catalog.batch() as batch:
                batch.pardon_some(_PARDONS)


def _strays(store: Store) -> list[Path]:
    """Pack files that the index does not know (yet)."""
    paths = pack_paths(store.layout.packs)
    with store.catalog.view() as view:
        return [path for path in paths if view.pack(named_pack(path)) is None]


def _remove_strays(store: Store, strays: Sequence[Path], marks: Marks) -> Swept:
    """Remove those of which their writers have ended without the index knowing of them.

    A pack that somebody put back after it was lost stays, until a repair has told the index what is in it.
    """
    swept = Swept()
    with store.catalog.view() as view:
        left = [
            path
            for path in strays
            if view.pack(named_pack(path)) is None and path.exists() and not _is_missed(view, path, marks)
        ]
    for path in left:
        swept.freed += path.stat().st_size
    remove_files(store, left)
    swept.removed = len(left)
    return swept


def _is_missed(view: View, path: Path, marks: Marks) -> bool:
    """Whether something in a pack is held, and the index has it nowhere."""
    held: dict[RecordKind, list[bytes]] = {kind: [] for kind in RecordKind}
    for entry in pack_contents(path).entries:
        kind = RecordKind(entry.kind)
        if marks.holds(kind, entry.digest):
            held[kind].append(entry.digest)
    return bool(view.missing(held[RecordKind.CHUNK]) or view.missing_nodes(held[RecordKind.NODE]))
