"""The client of web servers: whatever `http:` and `https:` lead to, with or without ETag, ranges and Content-Length.

A server that answers a range with the whole is read from the beginning; its answer is kept for the range that comes
next, so that reading on costs one pass.
"""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from typing import Final, TypeVar

from artfs.errors import InvalidInputError, ReferenceGoneError, SourceError
from artfs.format.digest import Data
from artfs.names import quoted
from artfs.objects.client.bucket_client import same_etag, strong_etag
from artfs.objects.client.failures import changed, no_connection, refused_status
from artfs.objects.client.web_connections import Answer, RequestInFlight, WebConnections
from artfs.objects.locations import parse_object
from artfs.objects.object_client import TransientError
from artfs.objects.remote_object import FoundObject, RemoteObject

__all__ = ["WebClient"]

_THREADS: Final = 80
_PORTION: Final = 1 << 20
_MAX_KEPT: Final = 8
_PAUSES_S: Final = (0.2, 1.0, 3.0)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _State:
    """What an answer says of the whole object."""

    size: int | None
    etag: str | None
    modified_ns: int | None


class WebClient:
    """Reads ranges of what web servers have.

    Args:
        variables: The environment.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._connections = WebConnections(variables)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="artfs-web")
        self._kept: OrderedDict[RemoteObject, tuple[int, Answer]] = OrderedDict()
        self._lock = threading.Lock()

    async def get(self, remote: RemoteObject, start: int, end: int) -> Data:
        """Read exactly a range of exactly that state; see `ObjectClient.get`."""
        return await self._in_thread(lambda flight: self._get(remote, start, end, flight))

    async def find(self, uri: str, *, checksum: bool) -> FoundObject:
        """Return what a URI leads to; see `ObjectClient.find`."""
        url = parse_object(uri).top
        try:
            state = await self._found_state(url)
        except ReferenceGoneError:
            raise InvalidInputError(f"{quoted(uri)} leads to nothing: the server has nothing there") from None
        size = state.size or 0
        if not checksum:
            return FoundObject("", RemoteObject(url, size), state.modified_ns or 0)
        remote = RemoteObject(url, size, state.etag, modified_ns=None if state.etag else state.modified_ns)
        return FoundObject("", remote, state.modified_ns or 0)

    async def _found_state(self, url: str) -> _State:
        for pause in _PAUSES_S:
            try:
                return await self._in_thread(lambda flight: self._state(url, {}, flight))
            except TransientError:
                await asyncio.sleep(pause)
        return await self._in_thread(lambda flight: self._state(url, {}, flight))

    async def close(self) -> None:
        """Close the connections; requests that are on their way end by themselves."""
        with self._lock:
            kept, self._kept = self._kept, OrderedDict()
        for _at, answer in kept.values():
            answer.connection.close()
        self._connections.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[RequestInFlight], _Result]) -> _Result:
        flight = RequestInFlight()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, flight)
        except asyncio.CancelledError:
            flight.cut()
            raise

    def _get(self, remote: RemoteObject, start: int, end: int, flight: RequestInFlight) -> Data:
        if start == end:
            _compare(self._state(remote.uri, _conditions(remote), flight), remote)
            return b""
        at, answer = self._next_answer(remote, start, end, flight)
        try:
            _skip(answer, start - at)
            data = _read(answer, end - start)
            if end == remote.size and answer.response.length is None and answer.response.read(1):
                raise changed(remote.uri)  # it goes on where it should end
        except (OSError, http.client.HTTPException, EOFError) as error:
            answer.connection.close()
            raise no_connection(remote.uri, "the answer was cut off") from error
        except SourceError:
            answer.connection.close()
            raise
        if answer.response.status == http.client.OK and end < remote.size:
            self._keep(remote, end, answer)
        else:
            self._connections.release(answer)
        return data

    def _next_answer(self, remote: RemoteObject, start: int, end: int, flight: RequestInFlight) -> tuple[int, Answer]:
        """Return an answer whose body has the range, and the offset that its body is at."""
        with self._lock:
            kept = self._kept.pop(remote, None)
        if kept is not None:
            if kept[0] <= start:
                flight.take(kept[1].connection)
                return kept
            kept[1].connection.close()
        headers = {**_conditions(remote), "Range": f"bytes={start}-{end - 1}"}
        answer = self._connections.request("GET", remote.uri, headers, flight)
        status = answer.response.status
        try:
            if status == http.client.PRECONDITION_FAILED:
                self._state(remote.uri, {}, RequestInFlight())  # some servers say so of what is gone, too
            if status not in {200, 206}:
                raise refused_status(remote.uri, status)
            _compare(_told(answer), remote)
            if status == http.client.PARTIAL_CONTENT and _first_byte(answer) != start:
                raise SourceError(f"{quoted(remote.uri)} cannot be read: the server sends another range than was asked")
        except SourceError:
            self._connections.release(answer)
            raise
        return (start if status == http.client.PARTIAL_CONTENT else 0), answer

    def _keep(self, remote: RemoteObject, at: int, answer: Answer) -> None:
        with self._lock:
            surplus = [self._kept.pop(remote, None)]
            self._kept[remote] = (at, answer)
            if len(self._kept) > _MAX_KEPT:
                surplus.append(self._kept.popitem(last=False)[1])
        for each in surplus:
            if each is not None:
                each[1].connection.close()

    def _state(self, uri: str, conditions: Mapping[str, str], flight: RequestInFlight) -> _State:
        """Find out size and state: by HEAD; if that does not tell the size, by a range, at last by reading all."""
        answer = self._connections.request("HEAD", uri, conditions, flight)
        status = answer.response.status
        told = _told(answer)
        self._connections.release(answer)
        if status in {404, 410, 412, 429} or (status >= 500 and status != http.client.NOT_IMPLEMENTED):
            raise refused_status(uri, status)
        if status == http.client.OK and told.size:  # 0 is also what servers say that do not know it
            return told
        answer = self._connections.request("GET", uri, {**conditions, "Range": "bytes=0-0"}, flight)
        status = answer.response.status
        told = _told(answer)
        try:
            if status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and told.size == 0:
                return told
            if status not in {200, 206}:
                raise refused_status(uri, status)
            if told.size is not None and (told.size or status == http.client.PARTIAL_CONTENT):
                return told
            if status == http.client.PARTIAL_CONTENT:
                raise SourceError(f"{quoted(uri)} does not say its size, which a reference needs")
            return _State(_count(uri, answer), told.etag, told.modified_ns)
        finally:
            self._connections.release(answer)


def _conditions(remote: RemoteObject) -> dict[str, str]:
    etag = strong_etag(remote.etag)
    if etag is not None:
        return {"If-Match": etag}
    if remote.modified_ns is not None:
        return {"If-Unmodified-Since": formatdate(remote.modified_ns // 10**9, usegmt=True)}
    return {}


def _told(answer: Answer) -> _State:
    headers = answer.response.headers
    modified = headers.get("Last-Modified")
    try:
        seconds = parsedate_to_datetime(modified).replace(tzinfo=UTC).timestamp() if modified else None
    except ValueError:
        seconds = None
    length = headers.get("Content-Length", "")
    if answer.response.status in {206, 416}:
        length = headers.get("Content-Range", "").rpartition("/")[2]
    size = int(length) if length.isascii() and length.isdigit() else None
    return _State(size, headers.get("ETag") or None, None if seconds is None else int(seconds) * 10**9)


def _compare(told: _State, remote: RemoteObject) -> None:
    """Refuse an answer about another state than the one that is meant.

    Raises:
        ReferenceChangedError: It is.
    """
    if (
        (told.size is not None and told.size != remote.size)
        or (remote.etag is not None and not same_etag(told.etag, remote.etag))
        or (remote.modified_ns is not None and told.modified_ns != remote.modified_ns)
    ):
        raise changed(remote.uri)


def _first_byte(answer: Answer) -> int:
    first = answer.response.headers.get("Content-Range", "").removeprefix("bytes").strip().partition("-")[0]
    return int(first) if first.isascii() and first.isdigit() else -1


def _read(answer: Answer, size: int) -> Data:
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        count = answer.response.readinto(view[at : at + _PORTION])
        if not count:
            raise EOFError
        at += count
    return data


def _skip(answer: Answer, size: int) -> None:
    while size > 0:
        size -= len(_read(answer, min(size, _PORTION)))


def _count(uri: str, answer: Answer) -> int:
    size = 0
    try:
        while data := answer.response.read(_PORTION):
            size += len(data)
    except (OSError, http.client.HTTPException) as error:
        raise no_connection(uri, "the answer was cut off") from error
    return size
