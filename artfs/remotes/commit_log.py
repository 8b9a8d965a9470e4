"""Records in objects that are created only where there is none: the commit point of a store at a URL.

Record `seq` is the object `journal/<20 digits>`. Whoever creates it has committed. No answer but "created" proves
anything, so the writer gets the object and compares it with its own bytes, which no other record has.

Records are never deleted: that would open their place again, and a slow writer's create would succeed there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Final

from artfs.errors import OutcomeUnknownError, StoreUnreachableError
from artfs.remotes.remote import Remote

__all__ = ["CommitLog"]

_AHEAD: Final = 4
"""Records that are asked for at once when the end may be near."""
_AT_A_TIME: Final = 32
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 1.0


class CommitLog:
    """The records of a store at a URL.

    Args:
        remote: Where they are.
        patience_s: How long an append asks again, without an answer that proves something.
        sleep: For tests.
    """

    def __init__(self, remote: Remote, patience_s: float = 60, sleep: Callable[[float], None] = time.sleep) -> None:
        self._remote = remote
        self._patience_s = patience_s
        self._sleep = sleep
        self.round_trip_s = 0.0

    def get(self, seq: int) -> bytes | None:
        """Return a record; None: there is none yet.

        Raises:
            StoreError: The server does not answer, or refuses.
        """
        begun = time.monotonic()
        data = self._remote.get(_name(seq))
        self.round_trip_s = time.monotonic() - begun
        return data

    def get_after(self, seq: int) -> Iterator[bytes]:
        """Yield the records after one, in order, up to an end that was seen after this call.

        The next few are asked for at once; when all of them are there, a list tells of the others.

        Raises:
            StoreError: The server does not answer, or refuses.
        """
        with ThreadPoolExecutor(_AHEAD) as threads:
            for data in threads.map(self.get, range(seq + 1, seq + 1 + _AHEAD)):
                if data is None:
                    return
                seq += 1
                yield data
        names = [found.name for found in self._remote.list("journal/", _name(seq))]
        with ThreadPoolExecutor(_AT_A_TIME) as threads:
            for start in range(0, len(names), _AT_A_TIME):
                wanted = names[start : start + _AT_A_TIME]
                for expected, data in zip(count(seq + 1), threads.map(self._remote.get, wanted), strict=False):
                    if data is None or wanted[expected - seq - 1] != _name(expected):
                        return  # a list may lack what another request shows; the chain is the caller's to check
                    yield data
                seq += len(wanted)

    def append(self, seq: int, record: bytes) -> bytes | None:
        """Create record `seq`: **the commit point**.

        Args:
            seq: Its number; every record before it is known to be there.
            record: Its bytes, which no other record has.

        Returns:
            None: it is committed. Else another writer's record, which has that number.

        Raises:
            OutcomeUnknownError: A request was not answered, and what it did could not be found out in time.
            StoreError: The server refuses, or does nothing that it is asked; the record is not there.
        """
        deadline = time.monotonic() + self._patience_s
        doubtful = False
        pause = _FIRST_PAUSE_S
        while True:
            try:
                if self._remote.create(_name(seq), record):
                    return None
                unanswered = None
            except StoreUnreachableError as error:
                unanswered, doubtful = error, True
            try:
                there = self.get(seq)
            except StoreUnreachableError as error:
                there, unanswered, doubtful = None, error, True
            if there is not None:
                return None if there == record else there
            if time.monotonic() >= deadline:
                break
            self._sleep(pause * (0.5 + random.random()))  # noqa: S311 # no secret
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        if doubtful:
            raise OutcomeUnknownError(
                f"whether record {seq} of {self._remote.url} was written is not known"
                f" ({unanswered or 'an earlier request was not answered'}): look before you repeat the change"
            ) from unanswered
        raise StoreUnreachableError(
            f"{self._remote.url} cannot be written: the server refuses every try; try again later"
        )


def _name(seq: int) -> str:
    return f"journal/{seq:020d}"
