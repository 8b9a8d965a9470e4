"""The fetcher: brings ranges of objects into the cache, for all who ask at the same time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from artfs.errors import ArtfsError, SourceError
from artfs.format.digest import Data
from artfs.names import quoted
from artfs.objects.cache import BLOCK_SIZE, Cache
from artfs.objects.fetcher.limits import Limits
from artfs.objects.fetcher.read_ahead import ReadAhead
from artfs.objects.fetcher.requests import Requests
from artfs.objects.object_client import ObjectClient
from artfs.objects.remote_object import FoundObject, RemoteObject

__all__ = ["Fetcher"]

_WRITERS: Final = 2
_AHEAD_PART: Final = 8
"""An eighth of the cache is the most to fetch ahead of a reader: else what comes for it evicts what it needs next."""
_MAX_REMEMBERED: Final = 1024
_NO_ROOM_SECONDS: Final = 5.0
_TRIES: Final = 3

_log = logging.getLogger(__name__)


class _Flight:
    """A range of an object that is being fetched, or waits for its turn."""

    def __init__(self, start: int, end: int, *, demand: bool) -> None:
        self.start = start
        self.end = end
        self.demand = demand
        self.started = False
        self.done: asyncio.Future[tuple[Data, bool]] = asyncio.get_running_loop().create_future()
        """Its bytes, and whether they are in the cache."""
        self.done.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait for it


class _Object:
    """An object that is read: its flights, those that wait for their turn, and who reads it in sequence."""

    def __init__(self, remote: RemoteObject, limits: Limits) -> None:
        self.remote = remote
        self.key = remote.key()
        self.flights: list[_Flight] = []
        self.demand: deque[_Flight] = deque()
        self.ahead: deque[_Flight] = deque()
        self.flying = 0
        self.read_ahead = ReadAhead(remote.size, limits)


class Fetcher:
    """Brings ranges of objects into a cache. It belongs to one event loop.

    - What is being fetched is not asked for again: who wants it waits for the same request.
    - Ranges that lie near each other become one request, also those of others as long as it waits for its turn.
    - Objects take turns, and none has more than a part of the requests: one that stalls does not hold up others.

    Args:
        client: Sends the requests. It stays the caller's.
        cache: Where the bytes go. It stays the caller's.
        limits: How much at a time, and how long.
    """

    def __init__(self, client: ObjectClient, cache: Cache, limits: Limits | None = None) -> None:
        self._client = client
        self._cache = cache
        limits = limits or Limits()
        self._limits = replace(limits, last_window=min(limits.last_window, cache.budget // _AHEAD_PART))
        self._requests = Requests(client, self._limits)
        self._objects: OrderedDict[RemoteObject, _Object] = OrderedDict()
        self._turns = {True: OrderedDict[_Object, None](), False: OrderedDict[_Object, None]()}
        self._flying = {True: 0, False: 0}
        self._bytes_in_flight = 0
        self._no_room_until = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="artfs-cache")
        self._pumping = False
        self._closed = False

    @property
    def hedges(self) -> int:
        """Requests that were made beside another one that took long."""
        return self._requests.hedges

    async def read(self, remote: RemoteObject, start: int, end: int, *, in_reply: bool = False) -> Data | None:
        """Bring a range into the cache; return its bytes if they are not there, or are asked for.

        Args:
            remote: The object.
            start: Offset of the first byte.
            end: Offset after the last byte; the same as `start`: only prove that the object is in this state.
            in_reply: Return the bytes in any case.

        Raises:
            ReferenceGoneError: There is no such object or version any more.
            ReferenceChangedError: It is in another state.
            SourceError: It is refused, or did not come in time.
        """
        if start >= end:
            await self._requests.get(remote, 0, 0)
            self._count(0)
            return b"" if in_reply else None
        state = self._state(remote)
        for _try in range(_TRIES):
            flights = self._wanted(state, start, end, demand=True)
            self._fetch_ahead(state, start, end)
            for flight in flights:
                await asyncio.shield(flight.done)
            if not in_reply and all(flight.done.result()[1] for flight in flights):
                return None
            data = self._assemble(state, flights, start, end)
            if data is not None:
                return data
        return await self._requests.get(remote, start, end)  # what was there is evicted at once, by others

    def hint(self, remote: RemoteObject, start: int, end: int) -> None:
        """Note that a range was read from the cache; what follows it may be fetched ahead."""
        self._fetch_ahead(self._state(remote), start, end)

    def find(self, uri: str, *, checksum: bool) -> AsyncIterator[list[FoundObject]]:
        """Yield what a URI leads to, in pages; see `ObjectClient.find`."""
        return self._client.find(uri, checksum=checksum)

    async def close(self) -> None:
        """End all requests, and those that wait for their turn."""
        self._closed = True
        for state in self._objects.values():
            for flight in state.flights:
                flight.done.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writers.shutdown()

    def _state(self, remote: RemoteObject) -> _Object:
        state = self._objects.get(remote)
        if state is None:
            state = self._objects[remote] = _Object(remote, self._limits)
            if len(self._objects) > _MAX_REMEMBERED:
                oldest, forgotten = self._objects.popitem(last=False)
                if forgotten.flights:
                    self._objects[oldest] = forgotten
        else:
            self._objects.move_to_end(remote)
        return state

    def _fetch_ahead(self, state: _Object, start: int, end: int) -> None:
        if state.remote.size <= self._limits.whole:
            return
        ahead = state.read_ahead.note(start, end)
        if ahead is not None and time.monotonic() >= self._no_room_until:
            self._wanted(state, *ahead, demand=False)

    def _wanted(self, state: _Object, start: int, end: int, *, demand: bool) -> list[_Flight]:
        """Have the missing parts of a range fetched; return the flights that bring them, old and new."""
        if state.remote.size <= self._limits.whole:
            start, end = 0, state.remote.size
        flights = []
        for begin, after in self._gathered(self._missing(state, start, end, prove=demand)):
            at = begin
            for flight in sorted(state.flights, key=lambda flight: flight.start):
                if flight.start < after and flight.end > at:
                    if flight.start > at:
                        flights += self._enqueue(state, at, flight.start, demand=demand)
                    flights.append(flight)
                    if demand and not flight.demand:
                        self._promote(state, flight)
                    at = flight.end
            if at < after:
                flights += self._enqueue(state, at, after, demand=demand)
        self._pump_soon()
        return flights

    def _missing(self, state: _Object, start: int, end: int, *, prove: bool) -> list[tuple[int, int]]:
        opened = self._cache.open(state.remote)
        if opened is None:
            first = start // BLOCK_SIZE * BLOCK_SIZE
            return [(first, min(-(-end // BLOCK_SIZE) * BLOCK_SIZE, state.remote.size))]
        with opened:
            return opened.missing(start, end, prove=prove)

    def _gathered(self, parts: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Join parts with little between them."""
        joined: tuple[int, int] | None = None
        for start, end in parts:
            if joined is not None and start - joined[1] <= self._limits.gap:
                joined = joined[0], end
            else:
                if joined is not None:
                    yield joined
                joined = start, end
        if joined is not None:
            yield joined

    def _enqueue(self, state: _Object, start: int, end: int, *, demand: bool) -> list[_Flight]:
        """Have a part fetched that nobody fetches: by flights that wait nearby, or by new ones."""
        for flight in state.flights:
            if not flight.started and flight.demand == demand and self._can_grow(state, flight, start, end):
                flight.end = end
                return [flight]
        flights = []
        for at in range(start, end, self._limits.largest):
            flight = _Flight(at, min(at + self._limits.largest, end), demand=demand)
            state.flights.append(flight)
            (state.demand if demand else state.ahead).append(flight)
            self._turns[demand][state] = None
            flights.append(flight)
        return flights

    def _can_grow(self, state: _Object, flight: _Flight, start: int, end: int) -> bool:
        """Return whether a flight can take in a part a little behind it, between which nobody fetches anything."""
        return (
            0 <= start - flight.end <= self._limits.gap
            and end - flight.start <= self._limits.largest
            and not any(flight.end < other.end and other.start < end for other in state.flights if other != flight)
        )

    def _promote(self, state: _Object, flight: _Flight) -> None:
        """Have a flight that was to go ahead go now, as somebody waits for it."""
        if flight in state.ahead:
            flight.demand = True
            state.ahead.remove(flight)
            state.demand.append(flight)
            self._turns[True][state] = None

    def _pump_soon(self) -> None:
        """Start flights when all that is asked at this moment is known: neighbours may become one."""
        if not self._pumping and not self._closed:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self._closed:
            return
        for demand, most in ((True, self._limits.demand), (False, self._limits.ahead)):
            turns = self._turns[demand]
            for _turn in range(len(turns)):
                if self._flying[demand] >= most or self._bytes_in_flight > self._limits.bytes_in_flight:
                    return
                state, _none = turns.popitem(last=False)
                waiting = state.demand if demand else state.ahead
                if waiting and state.flying < self._limits.per_object:
                    self._start(state, waiting.popleft())
                if waiting:
                    turns[state] = None
        if any(self._may_start(demand) for demand in (True, False)):
            self._pump_soon()

    def _may_start(self, demand: bool) -> bool:
        most = self._limits.demand if demand else self._limits.ahead
        return self._flying[demand] < most and any(
            (state.demand if demand else state.ahead) and state.flying < self._limits.per_object
            for state in self._turns[demand]
        )

    def _start(self, state: _Object, flight: _Flight) -> None:
        flight.started = True
        state.flying += 1
        self._flying[flight.demand] += 1
        self._bytes_in_flight += flight.end - flight.start
        task = asyncio.create_task(self._fly(state, flight))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fly(self, state: _Object, flight: _Flight) -> None:
        remote = state.remote
        try:
            data = await self._requests.get(remote, flight.start, flight.end)
            loop = asyncio.get_running_loop()
            stored = await loop.run_in_executor(self._writers, self._cache.store, remote, flight.start, data)
            if not stored:
                self._no_room_until = time.monotonic() + _NO_ROOM_SECONDS
            self._count(len(data))
            if not flight.done.cancelled():
                flight.done.set_result((data, stored))
        except ArtfsError as error:
            self._count(0)
            flight.done.set_exception(error)
        except Exception as error:  # noqa: BLE001 # the client's fault: its readers are told, and all others go on
            _log.exception("reading %s", quoted(remote.uri))
            flight.done.set_exception(SourceError(f"{quoted(remote.uri)} cannot be read: {error!r}"))
        finally:
            state.flights.remove(flight)
            state.flying -= 1
            self._flying[flight.demand] -= 1
            self._bytes_in_flight -= flight.end - flight.start
            self._pump_soon()

    def _assemble(self, state: _Object, flights: list[_Flight], start: int, end: int) -> Data | None:
        """Put a range together from what flights brought and what the cache has; None if a part is gone again."""
        parts: list[Data] = []
        at = start
        opened = self._cache.open(state.remote)
        try:
            for flight in [*sorted(flights, key=lambda flight: flight.start), None]:
                begin = end if flight is None else min(max(flight.start, at), end)
                if at < begin:
                    cached = opened.read(at, begin) if opened is not None else None
                    if cached is None:
                        return None
                    parts.append(cached)
                    at = begin
                if flight is not None and at < min(flight.end, end):
                    after = min(flight.end, end)
                    parts.append(memoryview(flight.done.result()[0])[at - flight.start : after - flight.start])
                    at = after
        finally:
            if opened is not None:
                opened.close()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _count(self, fetched: int) -> None:
        """Count the requests that were made since the last count, and bytes that came."""
        made, self._requests.made = self._requests.made, 0
        self._cache.counters.add(requests=made, fetched_bytes=fetched)
