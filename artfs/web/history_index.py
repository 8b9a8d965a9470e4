"""Index of the journal: which records concern an artifact, so that any page of its history is found."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Final

from artfs.documents.history import HistoryReader
from artfs.format.operations import ArtifactCreated, ArtifactRenamed

if TYPE_CHECKING:
    from artfs.catalog import Catalog
    from artfs.documents.document import Document

__all__ = ["HistoryIndex"]

_AT_ONCE: Final = 200


class HistoryIndex:
    """Which records concern an artifact, and what artifacts were called when.

    The journal is read once, and then only what was appended: records do not change.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen = 0
        self._store_id = b""
        self._records: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))
        self._names: list[tuple[int, int, str]] = []

    def documents(self, catalog: Catalog, artifact: int | None, index: int | None, before: int) -> Iterator[Document]:
        """Yield records as `artfs history` prints them, the newest first.

        Args:
            catalog: Has the journal.
            artifact: Only changes of the artifact of this serial.
            index: Only changes of this version of it.
            before: Only records with lower numbers.
        """
        with self._lock:
            self._read_on(catalog)
            seqs = range(1, self._seen + 1) if artifact is None else self._records.get(artifact, array("Q"))
            end = bisect_left(seqs, before)
        while end > 0:
            start = max(0, end - _AT_ONCE)
            yield from reversed(list(self._read(catalog, seqs[start:end], artifact, index)))
            end = start

    def _read(
        self, catalog: Catalog, seqs: Sequence[int], artifact: int | None, index: int | None
    ) -> Iterator[Document]:
        """Yield some records in order, with the names that artifacts had then."""
        reader = HistoryReader()
        with self._lock:
            reader.names = {serial: name for seq, serial, name in self._names if seq < seqs[0]}
        for record in islice(catalog.history(seqs[0] - 1), seqs[-1] - seqs[0] + 1):
            document = reader.document(record, artifact, index)
            if document is not None:
                yield document

    def _read_on(self, catalog: Catalog) -> None:
        if catalog.store_id != self._store_id:  # another store is at the path now
            self._seen, self._store_id, self._names = 0, catalog.store_id, []
            self._records.clear()
        for record in catalog.history(self._seen):
            for op in record.entry.ops:
                serial = op.serial if isinstance(op, ArtifactCreated) else getattr(op, "artifact", None)
                if isinstance(op, ArtifactCreated | ArtifactRenamed) and serial is not None:
                    self._names.append((record.seq, serial, op.name))
                if serial is not None and (not self._records[serial] or self._records[serial][-1] != record.seq):
                    self._records[serial].append(record.seq)
            self._seen = record.seq
