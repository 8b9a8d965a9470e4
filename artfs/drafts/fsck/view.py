"""Read-only view of a draft for checks: the rows of the last checkpoint, and the redo log since.

A mount may serve the draft meanwhile. The view is of one moment: the log is read to its last complete record, and
belongs to the rows that are open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from pathlib import Path
from typing import Final, Self

from artfs.closing import Closing
from artfs.drafts.db.database import EPOCH_KEY, RowsEnvironment
from artfs.drafts.db.redo_log import log_path, read_log
from artfs.drafts.db.redo_records import LogDamage
from artfs.drafts.db.schema import ROWS_ERRORS, damaged_rows
from artfs.errors import IntegrityError
from artfs.kv.checked_rows import CheckedRows

__all__ = ["DraftCheckView"]

_TRIES: Final = 100


class DraftCheckView(Closing):
    """Rows of a draft; `open` makes one. Close it soon: it keeps LMDB from using old pages again.

    Attributes:
        directory: The draft's.
        epoch: Of the rows.
        damage: What is damaged in the log, with sound records behind.
    """

    def __init__(self, directory: Path, environment: RowsEnvironment) -> None:
        self.directory = directory
        self._environment = environment
        self._txn = environment.begin_read()
        self._table = CheckedRows(self._txn, ROWS_ERRORS)
        self._changes: dict[bytes, bytes | None] = {}
        self.damage: list[LogDamage] = []
        epoch = self._table.get(EPOCH_KEY)
        if epoch is None:
            raise damaged_rows("no epoch")
        self.epoch = int.from_bytes(epoch, "little")

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a view of a draft.

        Raises:
            IntegrityError: Its rows are missing or damaged as a whole, or its log makes no sense.
            OSError: The system refused.
        """
        for _ in range(_TRIES):
            environment = RowsEnvironment.open(directory, readonly=True)
            try:
                view = cls(directory, environment)
                if view._read_log():
                    return view
            except BaseException:
                environment.close()
                raise
            view.close()
        raise IntegrityError(f"{directory.name} changes all the time: check again later")

    def _read_log(self) -> bool:
        """Read the log; False if it is not of these rows, since a checkpoint came between."""
        try:
            for found in read_log(self.directory, self.epoch):
                if isinstance(found, LogDamage):
                    self.damage.append(found)
                else:
                    self._changes.update(found)
        except FileNotFoundError:
            return not any(log_path(self.directory, epoch).exists() for epoch in (self.epoch + 1, self.epoch + 2))
        return True

    def has(self, key: bytes) -> bool:
        """Return whether there is a row, damaged or not."""
        if key in self._changes:
            return self._changes[key] is not None
        return self._txn.get(key) is not None

    def get(self, key: bytes) -> bytes | None:
        """The value of a row; None if there is none, or it is damaged, which `scan` shows."""
        if key in self._changes:
            return self._changes[key]
        with suppress(IntegrityError):
            return self._table.get(key)
        return None

    def keys(self, prefix: bytes) -> list[bytes]:
        """The rests of all keys with a prefix."""
        return [key[len(prefix) :] for key, _value in self.scan(prefix)]

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes | None]]:
        """All rows with a prefix, by key; None in the place of a damaged value.

        Raises:
            IntegrityError: LMDB found a page damaged; it goes no further.
        """
        since = sorted(key for key, value in self._changes.items() if value is not None and key.startswith(prefix))
        before = (row for row in self._table.scan(prefix) if row[0] not in self._changes)
        return merge(before, ((key, self._changes[key]) for key in since), key=lambda row: row[0])

    def close(self) -> None:
        """Close the view."""
        self._txn.abort()
        self._environment.close()
