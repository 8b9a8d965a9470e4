"""A draft as it is, looked at without changing anything: the rows of the last checkpoint, and the log since.

Whoever serves the draft may be at it meanwhile. What is seen is one moment of it: the log is read to the last record
that is whole, and belongs to the very rows that are open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from artfs.errors import IntegrityError
from artfs.vfs.draft.database import EPOCH_KEY
from artfs.vfs.draft.environment import RowsEnvironment
from artfs.vfs.draft.faults import damaged_rows
from artfs.vfs.draft.redo import log_path, read_log
from artfs.vfs.draft.table import Table

__all__ = ["DraftLook"]

_TRIES: Final = 100


class DraftLook:
    """The rows of a draft; `open` makes one. Close it soon: it keeps old pages from being used again.

    Attributes:
        directory: The draft's.
        epoch: Of the rows.
        logged: How many records the log has.
    """

    def __init__(self, directory: Path, environment: RowsEnvironment) -> None:
        self.directory = directory
        self._environment = environment
        self._txn = environment.begin()
        self._table = Table(self._txn)
        self._since: dict[bytes, bytes | None] = {}
        self.logged = 0
        epoch = self._table.get(EPOCH_KEY)
        if epoch is None:
            raise damaged_rows("no epoch")
        self.epoch = int.from_bytes(epoch, "little")

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Look at a draft.

        Raises:
            IntegrityError: Its rows are missing or damaged as a whole, or its log makes no sense.
            OSError: The system refused.
        """
        for _ in range(_TRIES):
            environment = RowsEnvironment.open(directory, readonly=True)
            try:
                look = cls(directory, environment)
                if look._read_log():
                    return look
            except BaseException:
                environment.close()
                raise
            look.close()
        raise IntegrityError(f"{directory.name} changes all the time: check again later")

    def _read_log(self) -> bool:
        """Take in the log; tells whether it was that of these rows: a checkpoint may have come between."""
        try:
            for changes in read_log(self.directory, self.epoch):
                self._since.update(changes)
                self.logged += 1
        except FileNotFoundError:
            return not any(log_path(self.directory, epoch).exists() for epoch in (self.epoch + 1, self.epoch + 2))
        return True

    def has(self, key: bytes) -> bool:
        """Whether there is a row, sound or not."""
        if key in self._since:
            return self._since[key] is not None
        return self._txn.get(key) is not None

    def get(self, key: bytes) -> bytes | None:
        """The value of a row; None if there is none, or it is damaged, which `scan` tells of."""
        if key in self._since:
            return self._since[key]
        with suppress(IntegrityError):
            return self._table.get(key)
        return None

    def keys(self, prefix: bytes) -> list[bytes]:
        """What follows the prefix in all keys that have it."""
        return [key[len(prefix) :] for key, _value in self.scan(prefix)]

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes | None]]:
        """All rows whose key begins so, by key; None in the place of a damaged value.

        Raises:
            IntegrityError: LMDB found a page damaged; it goes no further.
        """
        since = sorted(key for key, value in self._since.items() if value is not None and key.startswith(prefix))
        before = (row for row in self._table.scan(prefix) if row[0] not in self._since)
        return merge(before, ((key, self._since[key]) for key in since), key=lambda row: row[0])

    def close(self) -> None:
        """End it."""
        self._txn.abort()
        self._environment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
