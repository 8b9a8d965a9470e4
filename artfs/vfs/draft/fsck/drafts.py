"""Check all drafts of a store, each in a process of its own: a damaged page can kill whoever reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from artfs.catalog import Environment
from artfs.errors import ConflictError, IntegrityError, StorageError
from artfs.names import printable
from artfs.store.fsck import Affected, Finding, Part
from artfs.store.fsck.child import in_child
from artfs.vfs.draft.fsck.look import DraftLook
from artfs.vfs.draft.fsck.rows import Broken, RowsCheck
from artfs.vfs.draft.fsck.under import check_under
from artfs.vfs.draft.home import DraftsHome

__all__ = ["check_draft", "check_drafts", "repair_drafts"]

_LOOKS = 5
"""Of a draft that changes meanwhile: what is damage stays, what was only between two looks does not."""


def check_drafts(drafts: Path, index: Path | None) -> tuple[Finding, ...]:
    """Check all open drafts (R5 to R12), beside whoever serves them.

    Args:
        drafts: The store's directory for them.
        index: Of the store, if it is sound; else what drafts stand on is not looked at.

    Raises:
        StorageError: The system refused.
    """
    if not drafts.is_dir():
        return ()
    home = DraftsHome(drafts)
    fault = home.counter_fault()
    findings = [] if fault is None else [Finding("R12", Part.DRAFT, fault)]
    for place in home.list():
        findings += check_draft(place.path, index)
    return tuple(findings)


def repair_drafts(drafts: Path) -> bool:
    """Make the counter anew if it is damaged, and tell whether that was done. Nothing else of a draft can be.

    Raises:
        StorageError: The system refused.
    """
    home = DraftsHome(drafts)
    if not drafts.is_dir() or home.counter_fault() is None:
        return False
    try:
        with home.lock():
            home.mend_counter()
    except ConflictError:
        return False  # whoever serves the drafts could be at it
    return True


def check_draft(path: Path, index: Path | None) -> list[Finding]:
    """Check one draft; the findings are those that several looks at it agree on.

    Args:
        path: Its directory.
        index: As for `check_drafts`.

    Raises:
        StorageError: The system refused.
    """
    findings = list(_check(path, index))
    for _ in range(_LOOKS):
        if not findings or not path.exists():  # it was closed meanwhile
            break
        again = set(_check(path, index))
        findings = [finding for finding in findings if finding in again]
    return findings if path.exists() else []


def _check(path: Path, index: Path | None) -> Iterator[Finding]:
    name = printable(path.name)
    died = Finding("R5", Part.DRAFT, f"drafts/{name}: whoever reads its rows is ended")
    for found in in_child(lambda: _told(name, _broken(path, index)), died):
        if not isinstance(found, Affected):
            yield found


def _told(name: str, found: Iterable[Broken]) -> Iterator[Finding]:
    for broken in found:
        yield Finding(broken.invariant, Part.DRAFT, f"drafts/{name}: {broken.message}")


def _broken(path: Path, index: Path | None) -> Iterator[Broken]:
    try:
        with ExitStack() as stack:
            look = stack.enter_context(DraftLook.open(path))
            yield from RowsCheck(look).run()
            if index is not None:
                yield from check_under(look, stack.enter_context(Environment.open(index)))
    except IntegrityError as error:
        if path.exists():
            yield Broken("R5", str(error).partition(": copy what can still be read")[0])
    except FileNotFoundError:
        if path.exists():
            raise StorageError(f"{os.fspath(path)} cannot be read: look at its permissions, or discard it") from None
    except OSError as error:
        raise StorageError.of(error, f"reading the draft {path.name}") from error
