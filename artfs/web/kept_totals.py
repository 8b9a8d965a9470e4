"""Totals of all versions of an artifact, kept up to date by what the journal has of changes."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from artfs.documents.artifacts import ArtifactTotals, artifact_totals
from artfs.format.operations import VersionCreated, VersionDeleted, VersionRemoved, VersionUndeleted

if TYPE_CHECKING:
    from artfs.catalog import Catalog, View
    from artfs.format.operations import Op

__all__ = ["KeptTotals"]

_MOST_RECORDS: Final = 10_000
"""After so many changes versions are counted again, which is as quick."""


class KeptTotals:
    """Totals of the artifacts that were asked for: counted once, and then changed as the versions are."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seq = 0
        self._head = b""
        self._totals: dict[int, ArtifactTotals] = {}

    def get(self, catalog: Catalog, view: View, artifact: int) -> ArtifactTotals:
        """Return the totals of an artifact.

        Args:
            catalog: Has the journal.
            view: The state that they are of.
            artifact: The artifact's serial.
        """
        with self._lock:
            self._follow(catalog, view)
            found = self._totals.get(artifact)
            if found is None:
                found = self._totals[artifact] = artifact_totals(view, artifact)
            return found

    def _follow(self, catalog: Catalog, view: View) -> None:
        """Change what is kept as the journal says, or forget it, so that it is of the view's state."""
        state = view.state()
        if (state.seq, state.head) == (self._seq, self._head):
            return
        kept = self._totals
        self._totals = {}  # until all is read
        if kept and self._seq <= state.seq <= self._seq + _MOST_RECORDS:
            records = catalog.history(self._seq - 1)
            if next(records).hash == self._head:  # else another store is at the path now
                for record in records:
                    if record.seq > state.seq:
                        break
                    for op in record.entry.ops:
                        _change(kept, op, view)
                self._totals = kept
        self._seq, self._head = state.seq, state.head


def _change(kept: dict[int, ArtifactTotals], op: Op, view: View) -> None:
    """Change the totals as an operation on a version does."""
    match op:
        case VersionCreated():
            versions, deleted = 1, 0
        case VersionDeleted():
            versions, deleted = -1, 1
        case VersionUndeleted():
            versions, deleted = 1, -1
        case VersionRemoved():
            versions, deleted = 0, -1
        case _:
            return
    before, version = kept.get(op.artifact), view.version(op.artifact, op.index, deleted=True)
    if before is not None and version is not None:
        size = before.size + versions * version.size
        kept[op.artifact] = ArtifactTotals(before.versions + versions, before.deleted + deleted, size)
