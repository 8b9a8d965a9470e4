"""Check a store with all its drafts, each in a process of its own: a damaged page can kill its reader."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from artfs.catalog import IndexEnvironment
from artfs.drafts.discarded import DiscardedDrafts
from artfs.drafts.fsck.check_base import check_base
from artfs.drafts.fsck.check_rows import Fault, RowsCheck
from artfs.drafts.fsck.view import DraftCheckView
from artfs.drafts.registry import DraftRegistry
from artfs.errors import ConflictError, IntegrityError, StorageError
from artfs.names import parse_store_path, printable
from artfs.store.fsck import Affected, Finding, Part, Report, fsck
from artfs.store.fsck.subprocess_check import in_child
from artfs.store.layout import read_layout
from artfs.store.progress import Progress

__all__ = ["check_draft", "check_drafts", "check_store", "repair_drafts"]

_TRIES: Final = 5
"""Checks of a draft that changes meanwhile: damage is found in each, a change between two looks is not."""


def check_store(
    path: str | os.PathLike[str], *, read_data: bool = False, repair: bool = False, progress: Progress | None = None
) -> Report:
    """Check a store and its drafts, beside mounts and writers.

    Args:
        path: The store's directory.
        read_data: Whether to read all data and compare it with the digests.
        repair: Restore what can be made of the rest of the store: the index, and the counter of drafts. Nothing is
            deleted.
        progress: Counts the packs.

    Raises:
        StoreNotFoundError: There is no store.
        StoreFormatError: It is of a format that this artfs does not know.
        IntegrityError: `format.json` is damaged.
        StorageError: The system refused.
    """
    report = fsck(path, read_data=read_data, repair=repair, progress=progress)
    layout = read_layout(parse_store_path(path))
    index = None if any(finding.part == Part.INDEX for finding in report.findings) else layout.index
    found = check_drafts(layout.drafts, index)
    left = check_drafts(layout.drafts, index) if repair and found and repair_drafts(layout.drafts) else found
    return replace(
        report,
        findings=(*report.findings, *left),
        repaired=(*report.repaired, *(finding for finding in found if finding not in left)),
    )


def check_drafts(drafts: Path, index: Path | None) -> tuple[Finding, ...]:
    """Check all open and discarded drafts (R5 to R13), also while a mount serves them.

    Args:
        drafts: The directory of the store's drafts.
        index: Of the store, if it is sound; without it, the bases of drafts are not checked.

    Raises:
        StorageError: The system refused.
    """
    if not drafts.is_dir():
        return ()
    registry = DraftRegistry(drafts)
    fault = registry.check_counter()
    findings = [] if fault is None else [Finding("R12", Part.DRAFT, fault)]
    paths = [location.path for location in registry.list()]
    for path in (*paths, *(draft.path for draft in DiscardedDrafts(drafts).list())):
        findings += check_draft(path, index)
    return tuple(findings)


def repair_drafts(drafts: Path) -> bool:
    """Write the counter again if it is damaged; return True if that was done.

    Nothing else of a draft can be repaired.

    Raises:
        StorageError: The system refused.
    """
    registry = DraftRegistry(drafts)
    if not drafts.is_dir() or registry.check_counter() is None:
        return False
    try:
        with registry.lock():
            registry.repair_counter()
    except ConflictError:
        return False  # a mount that serves the drafts may be using the counter
    return True


def check_draft(path: Path, index: Path | None) -> list[Finding]:
    """Check one draft; the findings are those that several checks of it agree on.

    Args:
        path: Its directory.
        index: As for `check_drafts`.

    Raises:
        StorageError: The system refused.
    """
    findings = list(_check_once(path, index))
    for _ in range(_TRIES):
        if not findings or not path.exists():  # it was closed meanwhile
            break
        again = set(_check_once(path, index))
        findings = [finding for finding in findings if finding in again]
    return findings if path.exists() else []


def _check_once(path: Path, index: Path | None) -> Iterator[Finding]:
    name = printable(path.name)
    died = Finding("R5", Part.DRAFT, f"drafts/{name}: a process that reads its rows is ended")
    for found in in_child(lambda: _findings(name, _faults(path, index)), died):
        if not isinstance(found, Affected):
            yield found


def _findings(name: str, faults: Iterable[Fault]) -> Iterator[Finding]:
    for fault in faults:
        yield Finding(fault.invariant, Part.DRAFT, f"drafts/{name}: {fault.message}")


def _faults(path: Path, index: Path | None) -> Iterator[Fault]:
    try:
        with ExitStack() as stack:
            draft = stack.enter_context(DraftCheckView.open(path))
            rows = RowsCheck(draft)
            yield from rows.run()
            if index is not None:
                yield from check_base(draft, rows, stack.enter_context(IndexEnvironment.open(index)))
    except IntegrityError as error:
        if path.exists():
            yield Fault("R5", str(error).partition(": copy what can still be read")[0])
    except FileNotFoundError:
        if path.exists():
            raise StorageError(f"{os.fspath(path)} cannot be read: look at its permissions, or discard it") from None
    except OSError as error:
        raise StorageError.of(error, f"reading the draft {path.name}") from error
