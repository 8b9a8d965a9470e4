"""The fetcher's client: sends it requests, from any thread, also after a fork and after the fetcher was killed."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from artfs.closing import Closing
from artfs.errors import ArtfsError, SourceError
from artfs.format.digest import Data
from artfs.objects.fetcher.messages import (
    LENGTH_BYTES,
    Done,
    Ended,
    Failed,
    Find,
    Hint,
    Page,
    Read,
    Reply,
    decode_reply,
    encode,
    error_of,
)
from artfs.objects.fetcher.settings import FetcherSettings
from artfs.objects.fetcher.starting import connect
from artfs.objects.remote_object import FoundObject, RemoteObject
from artfs.objects.waiting import waiting

__all__ = ["FetcherClient"]

_GRACE_SECONDS: Final = 60.0
"""A fetcher that says nothing for so long after the time when it should have given up hangs."""
_RESTARTS: Final = 30
_MAX_IDLE: Final = 4


class FetcherClient(Closing):
    """Asks the fetcher, and starts it where there is none. Threads may share it.

    Args:
        settings: Of the fetcher.
    """

    def __init__(self, settings: FetcherSettings) -> None:
        self._settings = settings
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def read(self, remote: RemoteObject, start: int, end: int, *, in_reply: bool = False) -> Data | None:
        """Have a range brought into the cache; see `Fetcher.read`.

        Raises:
            ReferenceGoneError: There is no such object or version any more.
            ReferenceChangedError: It is in another state.
            SourceError: It is refused, or did not come in time.
        """
        request = Read(0, remote, start, end, in_reply)
        with waiting():
            for _again in range(_RESTARTS):
                try:
                    with self._connection() as connection:
                        connection.sendall(encode(request))
                        reply = _receive(connection)
                except (ConnectionError, EOFError):
                    continue  # it was killed, or has just ended: the next one knows nothing of the request
                return _done(reply).data
        raise self._ended()

    def read_all(self, ranges: Iterable[tuple[RemoteObject, int, int]], *, at_a_time: int) -> Iterator[int]:
        """Have ranges brought into the cache, many at a time; yield the length of each when it is there.

        Args:
            ranges: Of objects: first byte and the one after the last.
            at_a_time: Requests that are open at a time.

        Raises:
            ReferenceGoneError: There is no such object or version any more.
            ReferenceChangedError: It is in another state.
            SourceError: It is refused, did not come in time, or the fetcher ended.
        """
        waiting = iter(ranges)
        opened: dict[int, Read] = {}
        number = 0
        restarts = 0
        while True:
            try:
                with self._connection() as connection:
                    for request in opened.values():
                        connection.sendall(encode(request))
                    while True:
                        while len(opened) < at_a_time and (wanted := next(waiting, None)) is not None:
                            number += 1
                            opened[number] = Read(number, *wanted)
                            connection.sendall(encode(opened[number]))
                        if not opened:
                            return
                        request = opened.pop(_done(_receive(connection)).number)
                        yield request.end - request.start
            except (ConnectionError, EOFError):
                restarts += 1
                if restarts == _RESTARTS:
                    raise SourceError(
                        f"the fetcher of objects ended {restarts} times: see {self._settings.log}"
                    ) from None

    def hint(self, remote: RemoteObject, start: int, end: int) -> None:
        """Tell that a range was read from the cache, if the fetcher was asked for anything yet; do not wait."""
        if self._idle and self._pid == os.getpid():
            with suppress(ConnectionError, SourceError), self._connection() as connection:
                connection.sendall(encode(Hint(remote, start, end)))

    def find(self, uri: str, *, checksum: bool) -> Iterator[list[FoundObject]]:
        """Yield what a URI leads to, in pages; see `ObjectClient.find`.

        Raises:
            InvalidInputError: It is not allowed, or leads to nothing.
            SourceError: It cannot be read, or the fetcher ended meanwhile.
        """
        try:
            with self._connection() as connection:
                connection.sendall(encode(Find(0, uri, checksum)))
                while not isinstance(reply := _receive(connection), Ended):
                    yield _page(reply).found
        except (ConnectionError, EOFError):
            raise SourceError(f"the fetcher of objects ended: repeat it, or see {self._settings.log}") from None

    def close(self) -> None:
        """Close the connections; the fetcher ends some time after its last client."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _ended(self) -> SourceError:
        return SourceError(f"the fetcher of objects ended {_RESTARTS} times: see {self._settings.log}")

    @contextmanager
    def _connection(self) -> Iterator[socket.socket]:
        """Lend a connection; one on which a request failed is closed, as its answer may still come."""
        if self._pid != os.getpid():  # the connections are the parent's
            self._lock = threading.Lock()
            self.close()
            self._pid = os.getpid()
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = connect(self._settings)
            connection.settimeout(self._settings.timeout_seconds + _GRACE_SECONDS)
        try:
            yield connection
        except TimeoutError:
            connection.close()
            raise SourceError(f"the fetcher of objects does not answer: see {self._settings.log}") from None
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()


def _done(reply: Reply) -> Done:
    if isinstance(reply, Done):
        return reply
    raise _unexpected(reply)


def _page(reply: Reply) -> Page:
    if isinstance(reply, Page):
        return reply
    raise _unexpected(reply)


def _unexpected(reply: Reply) -> ArtfsError:
    return error_of(reply) if isinstance(reply, Failed) else SourceError(f"the fetcher of objects answers {reply}")


def _receive(connection: socket.socket) -> Reply:
    length = int.from_bytes(_receive_bytes(connection, LENGTH_BYTES), "little")
    return decode_reply(_receive_bytes(connection, length))


def _receive_bytes(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        received = connection.recv_into(view)
        if not received:
            raise EOFError
        view = view[received:]
    return data
