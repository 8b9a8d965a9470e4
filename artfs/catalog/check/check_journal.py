"""Check the journal by itself, and its chain of hashes.

An edited, dropped, added or moved record is found, as the next one does not follow; so are last records that were
dropped, as the index knows how far the journal went. A person who can write the store can also write a whole other
chain and an index for it: only a hash that was kept elsewhere reveals that (`verify_chain`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from artfs.catalog.journal import Journal, JournalDamagedError, Position
from artfs.errors import ArtfsError, IntegrityError
from artfs.format.operations import decode_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artfs.catalog.catalog import Catalog
    from artfs.catalog.schema import IndexState

__all__ = ["Violation", "check_journal", "verify_chain"]


class Violation(NamedTuple):
    """An invariant that does not hold.

    Attributes:
        invariant: Its number in docs/FORMAT.md.
        message: The damage, in one line.
    """

    invariant: str
    message: str


def check_journal(journal: Journal, state: IndexState) -> Iterator[Violation]:
    """Read the whole journal, and compare it with the place where the index stands (J1-J8).

    A torn record at the end is no violation: it was never committed, and the next writer cuts it off.
    """
    position = Position.start(state.store_id)
    met = position.seq == state.seq and position.head == state.head
    try:
        for record, after in journal.read(position):
            decode_entry(record.body)
            if record.seq == state.seq:
                met = after == state.position
    except JournalDamagedError as error:
        yield Violation(error.invariant, str(error))
        return
    except ArtfsError as error:  # a body that does not decode
        yield Violation("J6", str(error))
        return
    if not met:
        yield Violation("J8", f"the index stands at record {state.seq}, which is not in the journal like that")


def verify_chain(catalog: Catalog, kept: bytes | None = None) -> tuple[int, bytes]:
    """Read the whole journal and check its chain, from the store's id to where the index stands.

    Args:
        catalog: The catalog.
        kept: A hash that was the last one once.

    Returns:
        The number of records as far as the index knows, and the hash of the last one.

    Raises:
        IntegrityError: The chain is broken; says at which record, and where. Or no record has the hash `kept`.
    """
    with catalog.view() as view:
        state = view.state()
    for violation in check_journal(catalog.journal, state):
        raise IntegrityError(f"the history is not as it was written ({violation.invariant}): {violation.message}")
    start = Position.start(catalog.store_id)
    if kept not in {None, start.head} and all(record.hash != kept for record, _ in catalog.journal.read(start)):
        raise IntegrityError("no record has the hash that was kept: the history was cut off or rewritten")
    return state.seq, state.head
