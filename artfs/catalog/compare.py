"""Whether the index says what the journal gives (docs/FORMAT.md, C8): replay it beside, and compare row by row."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from artfs.catalog import tables
from artfs.catalog.apply import apply
from artfs.catalog.check import Finding
from artfs.catalog.environment import Environment
from artfs.catalog.journal import Position
from artfs.catalog.rebuild import write_first_state
from artfs.catalog.schema import STATE_KEY
from artfs.errors import IntegrityError
from artfs.format.operations import decode_entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from artfs.catalog.journal import Journal
    from artfs.catalog.tables import Txn

__all__ = ["check_replay"]

_RECORDS_PER_TRANSACTION: Final = 500
_REPLAYED: Final = (
    tables.META,
    tables.NAMES,
    tables.ARTIFACTS,
    tables.VERSIONS,
    tables.ALIASES,
    tables.MEMBERS,
    tables.SERIALS,
    tables.RUNS,
    tables.ORDER,
    tables.EDGES,
    tables.BEARERS,
    tables.PARTS,
)


def check_replay(environment: Environment, journal: Journal, scratch: Path) -> Iterator[Finding]:
    """Hold the tables made from the journal against the journal, as far as the index says that it is applied.

    Neither is changed, and others may go on publishing.

    Args:
        environment: The index; its state is sound.
        journal: The journal.
        scratch: An empty directory for an index that is made to compare with.

    Raises:
        IntegrityError: The index cannot be read.
        StorageError: The system refused.
    """
    with environment.read() as txn, Environment.open(scratch, create=True) as beside:
        state = tables.META.get(txn, STATE_KEY)
        if state is None:
            return
        try:
            _replay(beside, journal, state.store_id, state.seq)
        except IntegrityError as error:
            yield Finding("J6", str(error))
            return
        with beside.read() as replayed:
            yield from _compare(txn, replayed)


def _replay(beside: Environment, journal: Journal, store_id: bytes, seq: int) -> None:
    """Apply the journal up to the record `seq`."""
    with beside.write() as txn:
        state = write_first_state(txn, store_id)
    records = takewhile(lambda found: found[0].seq <= seq, journal.read(Position.start(store_id)))
    while state is not None and (some := list(islice(records, _RECORDS_PER_TRANSACTION))):
        with beside.write() as txn:
            for record, after in some:
                state = apply(txn, state, decode_entry(record.body), after)


def _compare(txn: Txn, replayed: Txn) -> Iterator[Finding]:
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
            yield Finding("C8", f"a row of the table {table.name}, key {key[1:].hex()}, {what}")


def _raw(txn: Txn, tag: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table as they are stored."""
    cursor = txn.cursor()
    if cursor.set_range(tag):
        yield from takewhile(lambda item: item[0][:1] == tag, cursor)
