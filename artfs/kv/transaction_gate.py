"""Bookkeeping of an environment's open transactions, where something depends on there being none.

- Where the address space is limited, the map is no larger than needed. It can be replaced by a larger one only while
  this process has no transaction open: otherwise that would read memory that is gone.
- A reader that cannot write is not in LMDB's reader table, so nothing keeps the pages of its snapshot from being used
  again. It holds a shared lock of the directory instead, for which commits wait (`sized_commit`). Pages of the last
  snapshot are not written to before the second commit after it, so what it reads stays as it is.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from artfs.kv.checked_rows import Txn

__all__ = ["TransactionGate"]


class TransactionGate:
    """Counts open transactions; every one of the environment begins here.

    Args:
        first: Called before the first one begins.
        last: Called after the last one has ended.
    """

    def __init__(self, first: Callable[[], None], last: Callable[[], None]) -> None:
        self._first = first
        self._last = last
        self._open = 0
        self._changed: Final = threading.Condition(threading.RLock())

    def begin(self, begin: Callable[[], Txn]) -> Txn:
        """Begin a transaction, which is counted until it is committed or aborted."""
        with self._changed:
            if not self._open:
                self._first()
            self._open += 1
        try:
            return cast("Txn", _CountedTransaction(begin(), self._ended))
        except BaseException:
            self._ended()
            raise

    def _ended(self) -> None:
        with self._changed:
            self._open -= 1
            if not self._open:
                self._last()
            self._changed.notify_all()

    @contextmanager
    def alone(self, seconds: float) -> Iterator[None]:
        """Run a block while no transaction is open; others begin after it.

        Raises:
            OSError: Some were open all the time (EBUSY).
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._open, seconds):
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            yield


class _CountedTransaction:
    """A transaction of LMDB that reports its end, once."""

    def __init__(self, txn: Txn, ended: Callable[[], None]) -> None:
        self._txn = txn
        self._ended: Callable[[], None] | None = ended
        self.get = txn.get
        self.cursor = txn.cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._txn, name)

    def commit(self) -> None:
        """Commit."""
        self._txn.commit()
        self._end()

    def abort(self) -> None:
        """Abort; do nothing if it has ended."""
        self._txn.abort()
        self._end()

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()
