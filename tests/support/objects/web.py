"""A web server that tests start in their own process, with or without what servers need not have, and with faults."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import quote

__all__ = ["Request", "WebServer", "WebServerHandler", "web_server"]

_NOON = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of the server."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(slots=True)
class WebServer:
    """What the server has, and what it does.

    Attributes:
        etags: The kind of its ETags.
        modified: It sends Last-Modified. Its clock goes on by two seconds for each change.
        ranges: It answers ranges; otherwise with the whole.
        lengths: It sends Content-Length; otherwise chunks.
        conditions: It heeds If-Match and If-Unmodified-Since.
        fault: Called before each answer; it may answer itself and return True.
        requests: All that was asked.
    """

    etags: Literal["strong", "weak", "none"] = "strong"
    modified: bool = True
    ranges: bool = True
    lengths: bool = True
    heads: bool = True
    conditions: bool = True
    fault: Callable[[BaseHTTPRequestHandler, Request], bool] = lambda _handler, _request: False
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    objects: dict[str, tuple[bytes, int]] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{quote(path)}"

    def put(self, path: str, data: bytes) -> None:
        changes = max((changed for _data, changed in self.objects.values()), default=_NOON)
        self.objects["/" + quote(path)] = (data, changes + 2)

    def remove(self, path: str) -> None:
        changes = self.objects.pop("/" + quote(path))[1]
        self.objects["/."] = (b"", changes + 2)  # the clock does not go back

    @staticmethod
    def state_of(data: bytes, changed: int) -> dict[str, str]:
        """Return the headers that tell a state of an object: its bytes, and the time of its last change."""
        return {
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "Last-Modified": formatdate(changed, usegmt=True),
        }


@contextmanager
def web_server(server: WebServer) -> Iterator[WebServer]:
    """Run a server until the block is left."""

    class Handler(WebServerHandler):
        state = server

    listener = _Listener(("127.0.0.1", 0), Handler)
    server.port = listener.server_port
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
        listener.hang_up()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._connections: set[socket.socket] = set()
        self._closed = threading.Condition()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._closed:
            self._connections.add(connection)
        return connection, address

    def close_request(self, request: Any) -> None:  # of any type in the base
        super().close_request(request)
        with self._closed:
            self._connections.discard(request)
            self._closed.notify()

    def hang_up(self) -> None:
        """Close the connections that clients keep; one whose fault goes on longer is left."""
        with self._closed:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._closed.wait_for(lambda: not self._connections, timeout=2)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that have enough of an answer hang up."""


class WebServerHandler(BaseHTTPRequestHandler):
    """Answers the requests of one connection.

    Attributes:
        state: The server's.
    """

    protocol_version = "HTTP/1.1"
    timeout = 20
    disable_nagle_algorithm = True
    state: WebServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's name
        pass

    def do_HEAD(self) -> None:  # the base's name
        self.do_GET()

    def do_GET(self) -> None:  # the base's name
        server = self.state
        request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        server.requests.append(request)
        if server.fault(self, request):
            return
        if self.command == "HEAD" and not server.heads:
            self._answer(405, {}, b"")
            return
        found = server.objects.get(self.path)
        if found is None:
            self._answer(404, {}, b"<html>hunter2</html>")
            return
        data, changed = found
        headers = server.state_of(data, changed)
        if server.etags == "weak":
            headers["ETag"] = "W/" + headers["ETag"]
        elif server.etags == "none":
            del headers["ETag"]
        if not server.modified:
            del headers["Last-Modified"]
        if server.conditions and not self._holds(headers.get("ETag"), changed):
            self._answer(412, headers, b"")
            return
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if not wanted or not server.ranges:
            self._answer(200, headers, data)
            return
        first, _dash, last = wanted.partition("-")
        start, end = int(first), min(int(last) + 1 if last else len(data), len(data))
        if start >= len(data):
            self._answer(416, {**headers, "Content-Range": f"bytes */{len(data)}"}, b"")
            return
        self._answer(206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}, data[start:end])

    def _holds(self, etag: str | None, changed: int) -> bool:
        match, since = self.headers.get("If-Match"), self.headers.get("If-Unmodified-Since")
        if match is not None:
            return match == etag and not match.startswith("W/")
        return since is None or changed <= parsedate_to_datetime(since).timestamp()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        whole = self.command != "HEAD"
        if self.state.lengths:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if whole else b"")
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if whole:
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n")
