"""Start of the fetcher's process, if there is none."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from typing import Final

from artfs.errors import SourceError, StorageError
from artfs.objects.fetcher.settings import FetcherSettings
from artfs.objects.fetcher.sockets import peer_is_trusted, socket_address

__all__ = ["connect", "detach"]

_START_SECONDS: Final = 20.0
_LARGEST_LOG: Final = 1 << 20


def connect(settings: FetcherSettings) -> socket.socket:
    """Connect to the fetcher; start it first if there is none.

    Raises:
        SourceError: It does not start.
        StorageError: The cache cannot be used.
    """
    connection = _connect(settings)
    if connection is not None:
        return connection
    try:
        lock = os.open(settings.lock.with_suffix(".starting"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError.of(error, f"using the cache {settings.directory}") from error
    started: subprocess.Popen[bytes] | None = None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first one starts it, all others wait
        deadline = time.monotonic() + _START_SECONDS
        while (connection := _connect(settings)) is None:
            if started is None or (started.poll() and time.monotonic() < deadline):
                started = _start(settings)
            elif time.monotonic() >= deadline:
                raise SourceError(f"the fetcher of objects does not start: see {settings.log}")
            time.sleep(0.01)
    finally:
        os.close(lock)
        if started is not None:
            started.wait()  # it went on in a child of its own
    return connection


def _connect(settings: FetcherSettings) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_address(settings.socket) as address:
            connection.connect(address)
        if peer_is_trusted(connection):
            return connection
    except (FileNotFoundError, ConnectionError):
        pass
    except OSError as error:
        connection.close()
        raise StorageError.of(error, f"connecting to {settings.socket}") from error
    connection.close()
    return None


def _start(settings: FetcherSettings) -> subprocess.Popen[bytes]:
    log = os.open(settings.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(log).st_size > _LARGEST_LOG:
            os.ftruncate(log, 0)
        return subprocess.Popen(  # noqa: S603 # this Python, with artfs
            settings.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=settings.variables,
            start_new_session=True,
        )
    finally:
        os.close(log)


def detach() -> None:
    """Go on in a child, so that whoever started this process has nothing to wait for; it ends at once."""
    if os.fork():
        os._exit(0)
