"""Begin an index, and make the catalog's tables again from the journal alone.

What packs can tell (`chunks`, `nodes`, `packs`) is the store layer's to add; together that is the whole index.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from artfs.catalog import tables
from artfs.catalog.apply import apply
from artfs.catalog.journal import Position
from artfs.catalog.schema import SCHEMA, STATE_KEY, State
from artfs.errors import StoreError
from artfs.format.operations import FIRST_SERIAL, decode_entry

if TYPE_CHECKING:
    from artfs.catalog.environment import Environment
    from artfs.catalog.journal import Journal
    from artfs.catalog.tables import Txn

__all__ = ["rebuild_catalog", "write_first_state"]

_RECORDS_PER_TRANSACTION: Final = 500


def write_first_state(txn: Txn, store_id: bytes) -> State | None:
    """Mark an index as one to which no record was applied; None when it is begun already."""
    if tables.META.get(txn, STATE_KEY) is not None:
        return None
    start = Position.start(store_id)
    state = State(SCHEMA, store_id, start.seq, start.head, start.segment, start.length, FIRST_SERIAL)
    tables.META.put(txn, STATE_KEY, state)
    return state


def rebuild_catalog(environment: Environment, journal: Journal, store_id: bytes) -> State:
    """Apply the whole journal to an empty index.

    The caller makes the index beside the old one and puts it in its place when `chunks`, `nodes` and `packs` are
    filled too, all of it under `journal.exclusive()`. Rows come out byte for byte as they were.

    Args:
        environment: An index just made.
        journal: The journal.
        store_id: The store's id.

    Returns:
        How far the journal is applied: to its end, but for a torn record, which the next opener cuts off.

    Raises:
        IntegrityError: The journal is damaged, or another store's.
        StoreError: The index is not empty.
    """
    with environment.write() as txn:
        state = write_first_state(txn, store_id)
    if state is None:
        raise StoreError(f"the index {environment.index} is not empty: make it again in an empty directory")
    start = Position.start(store_id)
    journal.settle(journal.near(max(journal.segments(), default=1), start))
    records = journal.read(start)
    while some := list(islice(records, _RECORDS_PER_TRANSACTION)):
        with environment.write() as txn:
            for record, after in some:
                state = apply(txn, state, decode_entry(record.body), after)
    return state
