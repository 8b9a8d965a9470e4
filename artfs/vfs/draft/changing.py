"""Begin a change to a draft and carry it out; what it gives up goes when it is durable."""

from __future__ import annotations

from contextlib import suppress

from artfs.vfs.draft.base import BaseTree
from artfs.vfs.draft.batch import Batch, Counters
from artfs.vfs.draft.database import DraftDatabase
from artfs.vfs.draft.inodes import Inodes
from artfs.vfs.draft.waste import Waste

__all__ = ["Changing"]


class Changing:
    """Makes changes, one at a time.

    Args:
        database: What is changed.
        inodes: Rows by number, held.
        counters: Numbers that are given once.
        base: The tree under the draft.
        waste: Data files that changes gave up.
    """

    def __init__(
        self, database: DraftDatabase, inodes: Inodes, counters: Counters, base: BaseTree, waste: Waste
    ) -> None:
        self._database = database
        self._inodes = inodes
        self._counters = counters
        self._base = base
        self._waste = waste

    def begin(self, *, frees: bool = False) -> Batch:
        """Begin a change.

        Args:
            frees: It gives back room.
        """
        self._waste.spare()  # of one that came to nothing
        batch = Batch(self._database, self._inodes, self._counters, self._base)
        batch.frees = frees
        return batch

    def apply(self, batch: Batch) -> None:
        """Apply a change that may give up data files.

        Raises:
            OSError: The disk said no; nothing has changed.
        """
        try:
            batch.apply()
        except BaseException:
            self._waste.spare()
            raise
        self._waste.accept()
        if self._waste.is_due:
            with suppress(OSError):  # the change is made, and what it gave up stays
                self._database.sync()
                self._waste.remove()
