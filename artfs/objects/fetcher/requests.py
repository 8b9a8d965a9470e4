"""Requests that are repeated until they succeed, within a bounded time."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import Final
from urllib.parse import urlsplit

from artfs.errors import SourceError
from artfs.format.digest import Data
from artfs.names import quoted
from artfs.objects.fetcher.limits import Limits
from artfs.objects.object_client import ObjectClient, TransientError
from artfs.objects.remote_object import RemoteObject

__all__ = ["Requests"]

_SAMPLES: Final = 64
_ENOUGH: Final = 8
_MAX_HEDGES: Final = 8
_LONGEST_DELAY: Final = 5.0


class Requests:
    """Reads ranges through a client: again after a failure that may pass, beside where it takes long.

    Args:
        client: Sends the requests.
        limits: How long to wait.

    Attributes:
        made: Requests so far, with those that were repeated.
        hedges: Of these, requests that were made beside another that took long.
    """

    def __init__(self, client: ObjectClient, limits: Limits) -> None:
        self._client = client
        self._limits = limits
        self._seconds: dict[int, deque[float]] = {}
        self._down: set[str] = set()
        self._hedging = 0
        self.made = 0
        self.hedges = 0

    async def get(self, remote: RemoteObject, start: int, end: int) -> Data:
        """Read a range.

        Raises:
            ReferenceGoneError: There is no such object or version any more.
            ReferenceChangedError: It is in another state.
            SourceError: It is refused, or did not come in time.
        """
        server = urlsplit(remote.uri).netloc
        began = time.monotonic()
        limits = self._limits
        deadline = began + (limits.failing_seconds if server in self._down else limits.total_seconds)
        delay = limits.first_delay
        while True:
            try:
                data = await self._once(remote, start, end, deadline)
            except TransientError as error:
                now = time.monotonic()
                if now + delay >= deadline:
                    self._down.add(server)
                    failed = f"{quoted(remote.uri)} cannot be read: "  # as the client's errors begin, too
                    why = str(error).removeprefix(failed)
                    raise SourceError(f"{failed}gave up after {now - began:.3g} s: {why}") from error
            else:
                self._down.discard(server)
                return data
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 # so that many do not ask at once
            delay = min(2 * delay, _LONGEST_DELAY)

    async def _once(self, remote: RemoteObject, start: int, end: int, deadline: float) -> Data:
        """Make one attempt, and one more beside it if it takes long; the first success counts."""
        limits = self._limits
        patience = limits.stall_seconds + (end - start) / limits.slowest_rate
        patience = max(0.001, min(patience, deadline - time.monotonic()))
        hedge_after = self._hedge_after(end - start)
        attempts = {self._attempt(remote, start, end)}
        hedged = False
        failure = TransientError(f"no answer within {patience:.3g} s")
        try:
            async with asyncio.timeout(patience):
                while attempts:
                    wait = None if hedged else hedge_after
                    done, attempts = await asyncio.wait(attempts, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                    for attempt in done:
                        try:
                            return attempt.result()
                        except TransientError as error:
                            failure = error
                    if not done and not hedged:
                        hedged = True
                        if self._hedging < _MAX_HEDGES:
                            self.hedges += 1
                            attempts.add(self._attempt(remote, start, end, hedge=True))
        except TimeoutError:
            pass
        finally:
            for attempt in attempts:
                attempt.cancel()
        raise failure

    def _attempt(self, remote: RemoteObject, start: int, end: int, *, hedge: bool = False) -> asyncio.Task[Data]:
        attempt = asyncio.create_task(self._send(remote, start, end))
        attempt.add_done_callback(lambda done: done.cancelled() or done.exception())  # or it is logged as forgotten
        if hedge:
            self._hedging += 1
            attempt.add_done_callback(self._hedge_ended)
        return attempt

    def _hedge_ended(self, _attempt: asyncio.Task[Data]) -> None:
        self._hedging -= 1

    async def _send(self, remote: RemoteObject, start: int, end: int) -> Data:
        self.made += 1
        began = time.monotonic()
        data = await self._client.get(remote, start, end)
        if len(data) != end - start:
            raise TransientError(f"the answer has {len(data)} bytes instead of {end - start}")
        self._seconds.setdefault(_magnitude(end - start), deque(maxlen=_SAMPLES)).append(time.monotonic() - began)
        return data

    def _hedge_after(self, length: int) -> float:
        """Return after how many seconds a request of a length takes long: three times what 95 of 100 took."""
        seconds = sorted(self._seconds.get(_magnitude(length), ()))
        if len(seconds) < _ENOUGH:
            return max(self._limits.hedge_seconds, self._limits.stall_seconds / 4)
        return max(self._limits.hedge_seconds, 3 * seconds[len(seconds) * 95 // 100])


def _magnitude(length: int) -> int:
    """Return the class of lengths whose requests take about as long."""
    return max(0, length >> 16).bit_length()
