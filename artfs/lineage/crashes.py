"""Whoever looks at runs, and may write, notes which of them have crashed, and what they opened."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

from artfs.catalog import current_actor, state_now
from artfs.errors import StorageError, StoreError
from artfs.lineage.fold import settle

if TYPE_CHECKING:
    from artfs.store.store import Store

__all__ = ["note_crashes"]

_RECENT: Final = 1000
"""So many of the newest runs are looked at, so that it takes no longer in a store of a million."""


def note_crashes(store: Store) -> None:
    """End those of the newest runs whose process has died, and make edges of what runs that ended had opened.

    Where the store cannot be written they, as all older ones, are only shown as crashed (`catalog.state_now`).
    """
    with suppress(StoreError, StorageError):
        settle(store)
        with store.catalog.view() as view:
            newest = islice(view.runs(newest_first=True), _RECENT)
            dead = [run.id for run in newest if run.state == "running" and state_now(run) == "crashed"]
        if dead:
            store.catalog.end_crashed(dead, current_actor())
