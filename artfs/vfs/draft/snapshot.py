"""A draft as it was at its last checkpoint, seen by another process while the draft goes on changing."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import lmdb

from artfs.vfs.draft.database import open_rows
from artfs.vfs.draft.table import Table

__all__ = ["DraftSnapshot"]


class DraftSnapshot:
    """Rows as of the last checkpoint before it was opened, as `Rows`. Close it soon: it keeps old pages from reuse."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self._lmdb = environment
        self._txn = environment.begin()
        table = Table(self._txn)
        self.get = table.get
        self.items = table.items
        self.floor = table.floor

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Look at a draft. This process must not have its database open otherwise.

        Raises:
            IntegrityError: Its rows are damaged.
            StorageError: The system refused.
        """
        environment = open_rows(directory, readonly=True)
        try:
            return cls(environment)
        except BaseException:
            environment.close()
            raise

    def close(self) -> None:
        """End it."""
        self._txn.abort()
        self._lmdb.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
