"""A whole check of a store with its drafts: the store's own, and that of each draft."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from artfs.store.fsck import Part, Report, fsck
from artfs.store.layout import read_layout
from artfs.store.progress import Progress
from artfs.vfs.draft.fsck import check_drafts, repair_drafts

__all__ = ["check_store"]


def check_store(
    path: str | os.PathLike[str], *, read_data: bool = False, repair: bool = False, progress: Progress | None = None
) -> Report:
    """Check a store and its drafts, beside mounts and writers.

    Args:
        path: The store's directory.
        read_data: Whether to read all data and compare it with the digests.
        repair: Mend what the rest of the store can replace: the index, and the counter of drafts. Nothing is deleted.
        progress: Is told of the packs.

    Raises:
        StoreNotFoundError: There is no store.
        StoreFormatError: It is of a format that this artfs does not know.
        IntegrityError: `format.json` is damaged.
        StorageError: The system refused.
    """
    report = fsck(path, read_data=read_data, repair=repair, progress=progress)
    layout = read_layout(Path(os.path.abspath(path)))
    index = None if any(finding.part == Part.INDEX for finding in report.findings) else layout.index
    found = check_drafts(layout.drafts, index)
    left = check_drafts(layout.drafts, index) if repair and found and repair_drafts(layout.drafts) else found
    return replace(
        report,
        findings=(*report.findings, *left),
        repaired=(*report.repaired, *(finding for finding in found if finding not in left)),
    )
