"""Requests to a server of `artfs ui`, byte by byte, as no browser would send some of them."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any

__all__ = ["Reply", "Visitor"]


@dataclass(frozen=True)
class Reply:
    """The answer to a request.

    Attributes:
        status: Its status.
        headers: Its headers.
        body: Its body.
    """

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The JSON document that the body is, decoded as strictly as any program might."""
        assert self.headers["Content-Type"] == "application/json", self
        return json.loads(self.body.decode("utf-8", "strict"))


class Visitor:
    """Sends requests to a server on this machine, each on a connection of its own.

    Args:
        port: The server's.
        token: The server's.
    """

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.token = token

    def ask(
        self,
        path: str,
        *headers: str,
        method: str = "GET",
        token: str | None = "",
        host: Sequence[str] | None = None,
    ) -> Reply:
        """Send a request.

        Args:
            path: As it is sent.
            headers: More headers, as `Name: value`.
            method: The method.
            token: None: none; empty: the server's.
            host: Values of the header Host; None: where the server listens.
        """
        names = (f"127.0.0.1:{self.port}",) if host is None else host
        lines = [f"{method} {path} HTTP/1.1", "Connection: close", *(f"Host: {name}" for name in names), *headers]
        if token is not None:
            lines.append(f"X-Artfs-Token: {token or self.token}")
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            data = b"".join(iter(lambda: connection.recv(1 << 20), b""))  # to the end: the server has closed it then
        head, _empty, body = data.partition(b"\r\n\r\n")
        first, _newline, rest = head.partition(b"\r\n")
        return Reply(int(first.split()[1]), BytesHeaderParser().parsebytes(rest), body)

    def document(self, path: str) -> Any:
        """Get a JSON document of the API, which must be there."""
        reply = self.ask(path)
        assert reply.status == 200, reply
        return reply.json

    def refused(self, path: str, status: int) -> Any:
        """Get the document of an error of the API."""
        reply = self.ask(path)
        assert reply.status == status, reply
        return reply.json
