"""Check and repair of a whole store. A repair replaces only what the rest of the store can prove."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from artfs.catalog import IndexEnvironment, LocalJournal
from artfs.catalog.check import check_journal
from artfs.catalog.rebuild import first_state
from artfs.kv import crash_marker
from artfs.names import parse_store_path
from artfs.store.fsck.finding import Affected, BadRecords, Finding, Part, Quarantined, finding_of
from artfs.store.fsck.index import check_catalog
from artfs.store.fsck.owners import check_owners, repair_owners
from artfs.store.fsck.packs import check_packs
from artfs.store.fsck.repair_packs import repair_packs
from artfs.store.fsck.steps import check_steps
from artfs.store.fsck.subprocess_check import in_child
from artfs.store.layout import Layout, read_layout
from artfs.store.progress import NullProgress, Progress
from artfs.store.rebuild import Rebuilt, index_identity, rebuild_index

__all__ = ["Report", "check_layout", "fsck"]

_DIED: Final = Finding("C1", Part.INDEX, "a process that reads the index is ended")


@dataclass(frozen=True, slots=True)
class Report:
    """Result of a check.

    Attributes:
        packs: How many packs there were.
        findings: Broken invariants (after a repair: those that are left).
        affected: The paths that they affect.
        repaired: Findings that a repair has removed.
        rebuilt: The outcome, if the repair rebuilt the index.
        quarantined: The packs that it has quarantined.
        died: The signal that ended a process as it read the index since the last check; None if none was.
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
        """True if nothing is damaged (any more)."""
        return not self.findings


class _CountingProgress(NullProgress):
    """Passes progress on, and keeps the number of packs."""

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
    """Check a store, beside mounts and writers. The calling process may have the store open.

    Args:
        path: The store's directory.
        read_data: Read all data and compare it with the digests.
        repair: Give foreign files to those whose store it is; rebuild the index if it is missing or damaged and the
            journal is sound; then quarantine damaged packs, and remove from the index what no pack has any more. No
            pack is deleted.
        progress: Counts the packs.

    Raises:
        StoreNotFoundError: There is no store.
        StoreFormatError: It is of a format that this artfs does not know.
        IntegrityError: `format.json` is damaged.
        StorageError: The system refused.
    """
    return check_layout(read_layout(parse_store_path(path)), read_data=read_data, repair=repair, progress=progress)


def check_layout(
    layout: Layout, *, read_data: bool = False, repair: bool = False, progress: Progress | None = None
) -> Report:
    """Check the store of a layout, as `fsck` does."""
    foreign = left = tuple(check_owners(layout))
    if repair and foreign:  # first: the rest may be in files that this user could not read
        repair_owners(layout)
        left = tuple(check_owners(layout))
    with _without_gc(layout, alone=repair):
        report = _fsck(layout, read_data, repair, progress)
    repaired = tuple(finding for finding in foreign if finding not in left)
    return replace(
        report, findings=(*left, *report.findings, *check_steps(layout.steps)), repaired=(*repaired, *report.repaired)
    )


def _without_gc(layout: Layout, *, alone: bool) -> AbstractContextManager[object]:
    """Keep gc and repairs from removing packs meanwhile; wait for one that is at work."""
    try:
        return layout.packs.lock(exclusive=alone, wait=True)
    except OSError:
        return nullcontext()  # the checks report what is missing


def _fsck(layout: Layout, read_data: bool, repair: bool, progress: Progress | None) -> Report:
    bad = BadRecords()
    count = _CountingProgress(progress or NullProgress())
    of_packs = (*check_packs(layout.packs, bad, count, read_data=read_data, read_nodes=repair),)
    instead_of = index_identity(layout)
    noted, died = crash_marker.size(layout.index), crash_marker.read(layout.index)
    others, affected = _check_others(layout, bad)
    found = left = (*of_packs, *others)
    rebuilt: Rebuilt | None = None
    quarantined: list[Quarantined] = []
    if repair and _can_rebuild(found, died):
        rebuilt = rebuild_index(layout, instead_of)
        others, affected = _check_others(layout, bad)
        left = (*of_packs, *others)
    elif all(finding.part != Part.INDEX for finding in others):
        crash_marker.clear(layout.index, noted)
    if repair and _can_repair_packs(layout, left):
        quarantined = list(_repair_packs(layout, bad))
        left_there = bad.names.keys() | bad.unreadable
        bad = BadRecords()
        of_packs = (*check_packs(layout.packs, bad, NullProgress(), read_data=read_data, only=left_there),)
        others, affected = _check_others(layout, bad)
        left = (*of_packs, *others)
    repaired = tuple(finding for finding in found if finding not in left)
    return Report(count.packs, left, affected, repaired, rebuilt, tuple(quarantined), died)


def _can_rebuild(findings: tuple[Finding, ...], died: str | None) -> bool:
    """Return whether the index is at fault and the journal sound: else the index may be all that is left."""
    parts = {finding.part for finding in findings}
    return (Part.INDEX in parts or died is not None) and Part.JOURNAL not in parts


def _can_repair_packs(layout: Layout, findings: tuple[Finding, ...]) -> bool:
    """Return whether packs are damaged or missing, and the index is sound: it says what has to be saved.

    Where all packs are missing, a disk may not be mounted: then nothing is given up.
    """
    parts = {finding.part for finding in findings}
    broken = Part.PACK in parts or "T6" in {finding.invariant for finding in findings}
    return broken and not parts & {Part.INDEX, Part.JOURNAL} and layout.packs.is_available()


def _repair_packs(layout: Layout, bad: BadRecords) -> Iterator[Quarantined]:
    """Repair packs in a child, as this process may have the index open."""
    for done in in_child(lambda: repair_packs(layout, bad.names), _DIED):
        if isinstance(done, Quarantined):
            yield done


def _check_others(layout: Layout, bad: BadRecords) -> tuple[tuple[Finding, ...], tuple[Affected, ...]]:
    """Check all but the packs by themselves, in a child."""
    findings = list(_check_journal(layout))
    affected: list[Affected] = []
    sound = not findings
    if not IndexEnvironment.exists(layout.index):
        return (*findings, Finding("C2", Part.INDEX, "the index is missing")), ()
    with tempfile.TemporaryDirectory(prefix="artfs-fsck-") as scratch:
        index = Path(os.path.realpath(scratch), "index")
        check = partial(check_catalog, layout, bad, index, journal_is_sound=sound)
        for found in in_child(check, _DIED):
            if isinstance(found, Affected):
                affected.append(found)
            else:
                findings.append(found)
    return tuple(findings), tuple(affected)


def _check_journal(layout: Layout) -> Iterator[Finding]:
    """Check the journal by itself (J1 to J7): against an empty index."""
    unborn = first_state(bytes.fromhex(layout.format.store_id))
    for found in check_journal(LocalJournal(layout.journal), unborn):
        yield finding_of(found.invariant, Part.JOURNAL, found.message)
