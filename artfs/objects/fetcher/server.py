"""The fetcher as a process: answers requests over a socket until its last client is gone."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from artfs.errors import ArtfsError
from artfs.objects.cache import Cache
from artfs.objects.fetcher.fetcher import Fetcher
from artfs.objects.fetcher.limits import Limits
from artfs.objects.fetcher.messages import (
    LENGTH_BYTES,
    Done,
    Ended,
    Find,
    Hint,
    Page,
    Read,
    Reply,
    decode_request,
    encode,
    failed,
)
from artfs.objects.fetcher.settings import FetcherSettings
from artfs.objects.fetcher.sockets import peer_is_trusted, socket_address
from artfs.objects.object_client import ObjectClient

__all__ = ["serve"]

_LONGEST_REQUEST: Final = 1 << 20
_FIRST_CLIENT_SECONDS: Final = 30.0

_log = logging.getLogger(__name__)


def serve(settings: FetcherSettings, make_client: Callable[[], ObjectClient], limits: Limits | None = None) -> None:
    """Be the fetcher, until it was not used for a while; return at once if there is one.

    Args:
        settings: Of the fetcher.
        make_client: Makes the client of the object stores, in the event loop.
        limits: How much at a time, and how long; None: the usual, with the timeout of the settings.
    """
    limits = limits or Limits().with_timeout(settings.timeout_seconds)
    lock = os.open(settings.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    try:
        with Cache(settings.directory, settings.budget) as cache:
            asyncio.run(_Server(settings, cache, limits).run(make_client))
    finally:
        with suppress(FileNotFoundError):
            settings.socket.unlink()
        os.close(lock)  # last: the next fetcher makes a socket of the same name


class _Server:
    """The connections of a fetcher."""

    def __init__(self, settings: FetcherSettings, cache: Cache, limits: Limits) -> None:
        self._settings = settings
        self._cache = cache
        self._limits = limits
        self._clients = 0
        self._idle = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, make_client: Callable[[], ObjectClient]) -> None:
        """Serve until there was no client for a while."""
        client = make_client()
        fetcher = Fetcher(client, self._cache, self._limits)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with suppress(FileNotFoundError):
            self._settings.socket.unlink()
        with socket_address(self._settings.socket) as address:
            listener.bind(address)

        async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve_client(fetcher, reader, writer)

        server = await asyncio.start_unix_server(serve_client, sock=listener, backlog=1024)
        self._end_after(_FIRST_CLIENT_SECONDS)
        try:
            await self._idle.wait()
        finally:
            server.close()
            await fetcher.close()
            await client.close()

    def _end_after(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._idle.set)

    async def _serve_client(self, fetcher: Fetcher, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection = _Connection(fetcher, writer)
        try:
            if peer_is_trusted(writer.get_extra_info("socket")):
                await connection.serve(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is gone
        except (msgspec.DecodeError, ValueError) as error:
            _log.error("a client is cut off: %s", error)
        finally:
            connection.cancel()
            writer.close()
            self._clients -= 1
            if not self._clients:
                self._end_after(self._settings.idle_seconds)


class _Connection:
    """The requests of one client; it may have many open."""

    def __init__(self, fetcher: Fetcher, writer: asyncio.StreamWriter) -> None:
        self._fetcher = fetcher
        self._writer = writer
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Answer until the client is gone."""
        while True:
            length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "little")
            if length > _LONGEST_REQUEST:
                raise ValueError(f"a request of {length} bytes")
            request = decode_request(await reader.readexactly(length))
            if isinstance(request, Hint):
                self._fetcher.hint(request.remote, request.start, request.end)
                continue
            task = asyncio.create_task(self._answer(request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """End what is being answered; what it had fetched goes on, for the cache."""
        for task in self._tasks:
            task.cancel()

    async def _answer(self, request: Read | Find) -> None:
        try:
            if isinstance(request, Read):
                data = await self._fetcher.read(request.remote, request.start, request.end, in_reply=request.in_reply)
                await self._send(Done(request.number, None if data is None else bytes(data)))
            else:
                async for found in self._fetcher.find(request.uri, checksum=request.checksum):
                    await self._send(Page(request.number, found))
                await self._send(Ended(request.number))
        except ArtfsError as error:
            await self._send(failed(request.number, error))

    async def _send(self, reply: Reply) -> None:
        with suppress(ConnectionError):
            self._writer.write(encode(reply))
            await self._writer.drain()
