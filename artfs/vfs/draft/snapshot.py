"""A draft as it was at its last checkpoint, seen by another process while the draft goes on changing."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from artfs.vfs.draft.environment import RowsEnvironment
from artfs.vfs.draft.table import Table

__all__ = ["DraftSnapshot"]


class DraftSnapshot:
    """Rows as of the last checkpoint before it was opened; later ones do not show. `open` makes one.

    As `Rows`; `get`, `items` and `floor` are those of `Table`. Close it soon: it keeps old pages from being used again.
    """

    def __init__(self, environment: RowsEnvironment) -> None:
        self._environment = environment
        self._table = Table(environment.begin())
        self.get = self._table.get
        self.items = self._table.items
        self.floor = self._table.floor

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Look at a draft, whose database this process must not have open too.

        Raises:
            IntegrityError: Its rows are missing or damaged.
            OSError: The system refused.
        """
        environment = RowsEnvironment.open(directory, readonly=True)
        try:
            return cls(environment)
        except BaseException:
            environment.close()
            raise

    def close(self) -> None:
        """End it."""
        self._table.txn.abort()
        self._environment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
