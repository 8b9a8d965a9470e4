"""HTTP connections to web servers: kept open, through the proxies that the environment names, redirects followed.

The standard library's HTTP, since obstore's needs of every server a `Content-Length`, ranges, and a path without query.

- A connection that brings no byte for `STALLED_S` has failed.
- `.netrc` gives user and password for exactly the host that it names; so nothing follows a redirect to another host.
- From `https:` no redirect to `http:` is followed.
"""

from __future__ import annotations

import base64
import http.client
import netrc
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from artfs.errors import InvalidInputError, SourceError
from artfs.names import quoted
from artfs.objects.client.connections import STALLED_S
from artfs.objects.client.failures import no_connection
from artfs.objects.environment import home_directory

__all__ = ["Answer", "RequestInFlight", "WebConnections"]

_MAX_REDIRECTS: Final = 10
_MAX_IDLE: Final = 64
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_Server = tuple[str, str, int]


class RequestInFlight:
    """A request that another thread can cut off."""

    def __init__(self) -> None:
        self.connection: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()
        self._is_cut = False

    def take(self, connection: http.client.HTTPConnection) -> None:
        """Note which connection the request is on."""
        with self._lock:
            self.connection = connection
            if self._is_cut:
                raise ConnectionAbortedError

    def cut(self) -> None:
        """Let the thread that waits on the connection fail."""
        with self._lock:
            self._is_cut = True
            if self.connection is not None and self.connection.sock is not None:
                try:
                    self.connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # it is closed already


@dataclass(slots=True)
class Answer:
    """An answer whose body is still to be read, from the connection that it came on."""

    response: http.client.HTTPResponse
    connection: http.client.HTTPConnection
    server: _Server


class WebConnections:
    """Connections that threads share.

    Args:
        variables: The environment.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {name.lower(): value for name, value in variables.items() if name.lower().endswith("_proxy")}
        self._netrc = _read_netrc(variables)
        self._idle: list[tuple[_Server, http.client.HTTPConnection]] = []
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None

    def request(self, method: str, uri: str, headers: Mapping[str, str], flight: RequestInFlight) -> Answer:
        """Send a request, follow redirects, and return the answer; its body is the caller's to read.

        Args:
            method: GET or HEAD.
            uri: Of `http:` or `https:`.
            headers: Besides those that every request has.
            flight: Lets another thread cut it off.

        Raises:
            TransientError: There was no answer.
            SourceError: It was redirected in circles, or to where it may not be followed.
        """
        target = uri
        for _hop in range(_MAX_REDIRECTS + 1):
            parts = urlsplit(target)
            if parts.scheme not in {"http", "https"} or (uri.startswith("https:") and parts.scheme != "https"):
                raise SourceError(f"{quoted(uri)} is redirected to an address that is not encrypted: not followed")
            answer = self._send(method, uri, parts, headers, flight)
            location = answer.response.headers.get("Location")
            if answer.response.status not in _REDIRECTS or location is None:
                return answer
            self.release(answer)
            target = urljoin(target, location)
        raise SourceError(f"{quoted(uri)} is redirected more than {_MAX_REDIRECTS} times")

    def release(self, answer: Answer) -> None:
        """Keep the connection of an answer for the next request, if little of its body is left; else close it."""
        length = answer.response.length
        if answer.response.will_close or length is None or length > 1 << 16:
            answer.connection.close()
            return
        try:
            answer.response.read()
        except (OSError, http.client.HTTPException):
            answer.connection.close()
            return
        with self._lock:
            self._idle.append((answer.server, answer.connection))
            surplus = self._idle.pop(0)[1] if len(self._idle) > _MAX_IDLE else None
        if surplus is not None:
            surplus.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _server, connection in idle:
            connection.close()

    def _send(
        self, method: str, uri: str, parts: SplitResult, headers: Mapping[str, str], flight: RequestInFlight
    ) -> Answer:
        host = parts.hostname or ""
        server = (parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Accept-Encoding": "identity", "User-Agent": "artfs", "Accept": "*/*", **headers}
        if host in self._netrc:
            sent["Authorization"] = _basic(*self._netrc[host])
        proxy = self._proxy(parts.scheme, host)
        if proxy is not None and parts.scheme == "http":
            path = f"http://{parts.netloc}{path}"
            if proxy.username:
                sent["Proxy-Authorization"] = _basic(unquote(proxy.username), unquote(proxy.password or ""))
        with self._lock:
            at = next((at for at, (each, _idle) in enumerate(self._idle) if each == server), None)
            kept = None if at is None else self._idle.pop(at)[1]
        for connection in (kept, self._connection(server, proxy)):
            if connection is None:
                continue
            try:
                flight.take(connection)
                connection.request(method, path, headers=sent)
                return Answer(connection.getresponse(), connection, server)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if connection is kept and isinstance(error, (ConnectionError, http.client.RemoteDisconnected)):
                    continue  # the server had closed it while it was idle
                raise no_connection(uri, _reason(error)) from error
        raise AssertionError("a new connection returns or raises")

    def _connection(self, server: _Server, proxy: SplitResult | None) -> http.client.HTTPConnection:
        scheme, host, port = server
        reached = (host, port) if proxy is None else (proxy.hostname or "", proxy.port or 8080)
        if scheme == "http":
            return http.client.HTTPConnection(*reached, timeout=STALLED_S)
        if self._tls is None:
            self._tls = ssl.create_default_context()  # reads all certificates
        connection = http.client.HTTPSConnection(*reached, timeout=STALLED_S, context=self._tls)
        if proxy is not None:
            user = _basic(unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None
            connection.set_tunnel(host, port, {"Proxy-Authorization": user} if user else {})
        return connection

    def _proxy(self, scheme: str, host: str) -> SplitResult | None:
        named = self._variables.get(f"{scheme}_proxy") or self._variables.get("all_proxy")
        excluded = [each.strip().lower().lstrip(".") for each in self._variables.get("no_proxy", "").split(",")]
        if not named or any(each == "*" or f".{host}".endswith(f".{each}") for each in excluded if each):
            return None
        return urlsplit(named if "://" in named else f"http://{named}")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"the server brought no byte for {STALLED_S} seconds"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the server's certificate is not trusted"
    if isinstance(error, socket.gaierror):
        return "its server's name is not known"
    if isinstance(error, ConnectionRefusedError):
        return "the server refuses connections"
    if isinstance(error, ConnectionError):
        return "the connection was closed before an answer"
    return "the answer is no HTTP" if isinstance(error, http.client.HTTPException) else "the connection failed"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _read_netrc(variables: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    path = Path(variables.get("NETRC") or home_directory(variables) / ".netrc")
    try:
        hosts = netrc.netrc(path).hosts
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return {}
    except (netrc.NetrcParseError, UnicodeDecodeError, OSError):  # its message could hold a line of the file
        raise InvalidInputError(f"{path} is no netrc file: correct it") from None
    return {host: (user, password) for host, (user, _account, password) in hosts.items() if host != "default"}
