"""A whole check of a store, and the repair of what the rest of it can replace."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from artfs.catalog import Environment, Journal, State, deaths_size, forget_deaths, told_deaths
from artfs.catalog.check import check_journal
from artfs.catalog.journal import Position
from artfs.catalog.schema import SCHEMA
from artfs.format.operations import FIRST_SERIAL
from artfs.store.fsck.child import in_child
from artfs.store.fsck.finding import Affected, BadRecords, Finding, Part, Quarantined, told
from artfs.store.fsck.index import check_catalog
from artfs.store.fsck.packs import check_packs
from artfs.store.fsck.quarantine import set_aside
from artfs.store.layout import Layout, read_layout
from artfs.store.progress import Progress, Quiet
from artfs.store.rebuild import Rebuilt, index_identity, rebuild_index

__all__ = ["Report", "fsck"]

_DIED: Final = Finding("C1", Part.INDEX, "whoever reads the index is ended")


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        packs: How many pack files there were.
        findings: What is not as it must be (after a repair: what is left).
        affected: The paths that this concerns.
        repaired: What was found and a repair did away with.
        rebuilt: How the repair made the index again, if it did.
        quarantined: The packs that it has set aside.
        died: The signal that ended a process as it read the index since the last check; none of it is left behind.
    """

    packs: int
    findings: tuple[Finding, ...]
    affected: tuple[Affected, ...]
    repaired: tuple[Finding, ...] = ()
    rebuilt: Rebuilt | None = None
    quarantined: tuple[Quarantined, ...] = ()
    died: str | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing is damaged (any more)."""
        return not self.findings


class _Count(Quiet):
    """Passes progress on, and remembers how many packs there are."""

    def __init__(self, progress: Progress) -> None:
        self.packs = 0
        self._progress = progress

    def total(self, files: int, size: int) -> None:
        self.packs = files
        self._progress.total(files, size)

    def advance(self, files: int, size: int) -> None:
        self._progress.advance(files, size)


def fsck(
    path: str | os.PathLike[str], *, read_data: bool = False, repair: bool = False, progress: Progress | None = None
) -> Report:
    """Check a store, beside mounts and writers. The process that calls this may have the store open.

    Args:
        path: The store's directory.
        read_data: Whether to read all data and compare it with the digests.
        repair: Make the index again if it is missing or damaged and the journal is sound; then set damaged packs aside,
            and have the index forget what nothing has any more. Nothing is deleted.
        progress: Is told of the packs.

    Raises:
        StoreNotFoundError: There is no store.
        StoreFormatError: It is of a format that this artfs does not know.
        IntegrityError: `format.json` is damaged.
        StorageError: The system refused.
    """
    layout = read_layout(Path(os.path.abspath(path)))
    with _without_gc(layout, alone=repair):
        return _fsck(layout, read_data, repair, progress)


@contextmanager
def _without_gc(layout: Layout, *, alone: bool) -> Iterator[None]:
    """Keep gc and repairs from removing packs while they are looked at; wait for one that is at it."""
    try:
        descriptor = os.open(layout.packs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield  # what is missing, the checks tell
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _fsck(layout: Layout, read_data: bool, repair: bool, progress: Progress | None) -> Report:
    bad = BadRecords()
    count = _Count(progress or Quiet())
    of_packs = (*check_packs(layout, bad, count, read_data=read_data, read_nodes=repair),)
    instead_of = index_identity(layout)
    noted, died = deaths_size(layout.index), told_deaths(layout.index)
    others, affected = _check_others(layout, bad)
    found = left = (*of_packs, *others)
    rebuilt: Rebuilt | None = None
    quarantined: list[Quarantined] = []
    if repair and _can_rebuild(found, died):
        rebuilt = rebuild_index(layout, instead_of)
        others, affected = _check_others(layout, bad)
        left = (*of_packs, *others)
    elif all(finding.part != Part.INDEX for finding in others):
        forget_deaths(layout.index, noted)
    if repair and _can_set_aside(layout, left):
        quarantined = list(_set_aside(layout, bad))
        left_there = {path for path in layout.packs.glob("*/*.pack") if path in bad.files or _is_of(path, bad.packs)}
        bad = BadRecords()
        of_packs = (*check_packs(layout, bad, Quiet(), read_data=read_data, only=left_there),)
        others, affected = _check_others(layout, bad)
        left = (*of_packs, *others)
    repaired = tuple(finding for finding in found if finding not in left)
    return Report(count.packs, left, affected, repaired, rebuilt, tuple(quarantined), died)


def _can_rebuild(findings: tuple[Finding, ...], died: str | None) -> bool:
    """Whether the index is at fault and can be made again. With a damaged journal it may be all that is left."""
    parts = {finding.part for finding in findings}
    return (Part.INDEX in parts or died is not None) and Part.JOURNAL not in parts


def _can_set_aside(layout: Layout, findings: tuple[Finding, ...]) -> bool:
    """Whether packs are at fault, or missing, and an index that is sound says what has to be saved of them.

    Where their whole directory is missing, a disk may not be mounted: then nothing is given up.
    """
    parts = {finding.part for finding in findings}
    broken = Part.PACK in parts or "T6" in {finding.invariant for finding in findings}
    return broken and not parts & {Part.INDEX, Part.JOURNAL} and layout.packs.is_dir()


def _set_aside(layout: Layout, bad: BadRecords) -> Iterator[Quarantined]:
    """Set damaged packs aside in a child, as this process may have the index open."""
    for done in in_child(lambda: set_aside(layout, bad.files), _DIED):
        if isinstance(done, Quarantined):
            yield done


def _is_of(path: Path, packs: set[bytes]) -> bool:
    return path.stem in {pack.hex() for pack in packs}


def _check_others(layout: Layout, bad: BadRecords) -> tuple[tuple[Finding, ...], tuple[Affected, ...]]:
    """Check all but the packs by themselves."""
    findings = list(_check_journal(layout))
    affected: list[Affected] = []
    sound = not findings
    if not Environment.exists(layout.index):
        return (*findings, Finding("C2", Part.INDEX, "the index is missing")), ()
    with tempfile.TemporaryDirectory(prefix="artfs-fsck-") as scratch:
        check = partial(check_catalog, layout, bad, Path(scratch, "index"), journal_is_sound=sound)
        for found in in_child(check, _DIED):
            if isinstance(found, Affected):
                affected.append(found)
            else:
                findings.append(found)
    return tuple(findings), tuple(affected)


def _check_journal(layout: Layout) -> Iterator[Finding]:
    """Check the journal by itself (J1 to J7): against an index to which nothing was applied yet."""
    start = Position.start(bytes.fromhex(layout.format.store_id))
    unborn = State(
        SCHEMA, bytes.fromhex(layout.format.store_id), start.seq, start.head, start.segment, start.length, FIRST_SERIAL
    )
    for found in check_journal(Journal(layout.journal), unborn):
        yield told(found.invariant, Part.JOURNAL, found.message)
