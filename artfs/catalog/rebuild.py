"""Rebuild the catalog's tables from the journal alone, or begin an index.

The tables that packs can give (`chunks`, `nodes`, `packs`) are the store layer's to fill; together that is the whole
index.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from artfs.catalog import tables
from artfs.catalog.apply import apply
from artfs.catalog.journal import Position
from artfs.catalog.schema import SCHEMA, STATE_KEY, IndexState
from artfs.errors import StoreError
from artfs.format.operations import FIRST_SERIAL, decode_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artfs.catalog.index import IndexEnvironment
    from artfs.catalog.journal import Journal
    from artfs.format.journal import RawRecord
    from artfs.kv.checked_rows import Txn

__all__ = ["first_state", "rebuild_catalog", "replay", "write_first_state"]

_RECORDS_PER_TRANSACTION: Final = 500


def first_state(store_id: bytes) -> IndexState:
    """The state of an index to which no record was applied yet."""
    start = Position.start(store_id)
    return IndexState(SCHEMA, store_id, start.seq, start.head, start.segment, start.length, FIRST_SERIAL)


def write_first_state(txn: Txn, store_id: bytes) -> IndexState | None:
    """Mark an index as one to which no record was applied yet; None if it has a state already."""
    if tables.META.get(txn, STATE_KEY) is not None:
        return None
    state = first_state(store_id)
    tables.META.put(txn, STATE_KEY, state)
    return state


def rebuild_catalog(environment: IndexEnvironment, journal: Journal, store_id: bytes) -> IndexState:
    """Apply the whole journal to an empty index.

    The caller makes the index beside the old one and puts it in its place when `chunks`, `nodes` and `packs` are
    filled too, all of it under `journal.exclusive()`. Rows come out byte for byte as they were.

    Args:
        environment: An index just made.
        journal: The journal.
        store_id: The store's id.

    Returns:
        The state at the end of the journal. A torn record there is cut off.

    Raises:
        IntegrityError: The journal is damaged, or another store's.
        StoreError: The index is not empty.
    """
    return replay(environment, journal.read_durable(Position.start(store_id)), store_id)


def replay(environment: IndexEnvironment, records: Iterator[tuple[RawRecord, Position]], store_id: bytes) -> IndexState:
    """Apply journal records from the first one on to an empty index, in bounded transactions."""
    with environment.write() as txn:
        state = write_first_state(txn, store_id)
    if state is None:
        raise StoreError(f"the index {environment.path} is not empty: make it again in an empty directory")
    while some := list(islice(records, _RECORDS_PER_TRANSACTION)):
        with environment.write() as txn:
            for record, after in some:
                state = apply(txn, state, decode_entry(record.body), after)
    return state
