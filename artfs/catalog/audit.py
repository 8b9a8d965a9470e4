"""Whether the journal's chain is whole, told by the record at which it breaks.

What can be found: any record that was edited, dropped, added or moved, as the next one does not follow; the last ones
dropped, as the index knows how far the journal went. Who can write the store can also write a whole other chain and an
index for it: only a hash that was kept elsewhere tells that (`verify_chain`'s `kept`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.catalog.check import check_journal
from artfs.catalog.journal import Position
from artfs.errors import IntegrityError

if TYPE_CHECKING:
    from artfs.catalog.catalog import Catalog

__all__ = ["verify_chain"]


def verify_chain(catalog: Catalog, kept: bytes | None = None) -> tuple[int, bytes]:
    """Read the whole journal and check its chain, from the store's id to where the index stands.

    Args:
        catalog: The catalog.
        kept: A hash that was the last one once.

    Returns:
        The number of records that there are as far as the index knows, and the hash of the last one.

    Raises:
        IntegrityError: The chain is broken; says at which record, and where. Or no record has the hash `kept`.
    """
    with catalog.view() as view:
        state = view.state()
    for finding in check_journal(catalog.journal, state):
        raise IntegrityError(f"the history is not as it was written ({finding.invariant}): {finding.message}")
    start = Position.start(catalog.store_id)
    if kept not in {None, start.head} and all(record.hash != kept for record, _ in catalog.journal.read(start)):
        raise IntegrityError("no record has the hash that was kept: the history was cut off or written anew")
    return state.seq, state.head
