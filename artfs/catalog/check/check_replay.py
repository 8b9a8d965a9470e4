"""Check the index against a replay of the journal, row by row (docs/FORMAT.md, C8)."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

from artfs.catalog import tables
from artfs.catalog.check.check_journal import Violation
from artfs.catalog.index import IndexEnvironment
from artfs.catalog.journal import Position
from artfs.catalog.rebuild import replay
from artfs.catalog.schema import STATE_KEY
from artfs.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from artfs.catalog.journal import Journal
    from artfs.kv.checked_rows import Txn

__all__ = ["check_replay"]

_REPLAYED: Final = (
    tables.META,
    tables.NAMES,
    tables.ARTIFACTS,
    tables.VERSIONS,
    tables.ALIASES,
    tables.CHILDREN,
    tables.SERIALS,
    tables.RUNS,
    tables.RUNS_BY_TIME,
    tables.EDGES,
    tables.EDGES_BY_VERSION,
    tables.PARTS,
    tables.ORIGINS,
    tables.GAPS,
    tables.DELETIONS,
    tables.LINKS,
    tables.LINKS_BY_SOURCE,
    tables.RECORDED_PACKS,
)


def check_replay(environment: IndexEnvironment, journal: Journal, scratch: Path) -> Iterator[Violation]:
    """Replay the journal as far as the index says that it is applied, and compare the tables.

    Neither is changed, and others may go on publishing.

    Args:
        environment: The index; its state is undamaged.
        journal: The journal.
        scratch: An empty directory for an index to compare with.

    Raises:
        IntegrityError: The index cannot be read.
        StorageError: The system refused.
    """
    with environment.read() as txn, IndexEnvironment.open(scratch, create=True) as replayed_index:
        state = tables.META.get(txn, STATE_KEY)
        if state is None:
            return
        last = state.seq
        try:
            applied = takewhile(lambda found: found[0].seq <= last, journal.read(Position.start(state.store_id)))
            replay(replayed_index, applied, state.store_id)
        except IntegrityError as error:
            yield Violation("J6", str(error))
            return
        with replayed_index.read() as replayed:
            yield from _compare(txn, replayed)


def _compare(txn: Txn, replayed: Txn) -> Iterator[Violation]:
    for table in _REPLAYED:
        rows, expected = _raw(txn, table.tag), _raw(replayed, table.tag)
        row, other = next(rows, None), next(expected, None)
        while row is not None or other is not None:
            if row == other:
                row, other = next(rows, None), next(expected, None)
                continue
            if other is None or (row is not None and row[0] < other[0]):
                key, what = (row or other or (b"", b""))[0], "is there, and the journal does not give it"
                row = next(rows, None)
            elif row is None or other[0] < row[0]:
                key, what = other[0], "is missing"
                other = next(expected, None)
            else:
                key, what = row[0], "is not what the journal gives"
                row, other = next(rows, None), next(expected, None)
            yield Violation("C8", f"a row of the table {table.name}, key {key[1:].hex()}, {what}")


def _raw(txn: Txn, tag: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table as they are stored."""
    cursor = txn.cursor()
    if cursor.set_range(tag):
        yield from takewhile(lambda item: item[0][:1] == tag, cursor)
