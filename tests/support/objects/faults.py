"""Faults of a `WebServer`: each takes the place of one answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import cast

from tests.support.objects.web import Request, WebServer, WebServerHandler

__all__ = ["Fault", "cut", "healthy", "of_path", "other_bytes", "other_range", "redirect", "reset", "stall", "status"]

Fault = Callable[[BaseHTTPRequestHandler, Request], bool]

_PATIENCE_S = 20


def healthy(_handler: BaseHTTPRequestHandler, _request: Request) -> bool:
    """Answer as the server does."""
    return False


def of_path(faults: dict[str, Fault]) -> Fault:
    """Have a fault for each path that is in a mapping, which may change later; other paths are healthy."""
    return lambda handler, request: faults.get(request.path, healthy)(handler, request)


def status(code: int, name: str = "", secret: str = "") -> Fault:
    """Answer with a status; with a name, and a body of S3's form that holds it and a secret."""

    def answer(handler: BaseHTTPRequestHandler, _request: Request) -> bool:
        body = f"<Error><Code>{name}</Code><Message>{secret}</Message></Error>".encode() if name else b""
        _send(handler, code, {"Content-Length": str(len(body))}, body)
        return True

    return answer


def cut(handler: BaseHTTPRequestHandler, request: Request) -> bool:
    """Answer with the half of what is announced."""
    data, headers = _object(handler, request)
    _send(handler, 206, headers | _range(data, 0, len(data)), data[: len(data) // 2])
    handler.close_connection = True
    return True


def reset(handler: BaseHTTPRequestHandler, _request: Request) -> bool:
    """Reset the connection."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()
    handler.close_connection = True
    return True


def stall(released: threading.Event) -> Fault:
    """Say nothing until an event is set."""

    def wait(handler: BaseHTTPRequestHandler, _request: Request) -> bool:
        released.wait(_PATIENCE_S)
        handler.close_connection = True
        return True

    return wait


def other_bytes(handler: BaseHTTPRequestHandler, request: Request) -> bool:
    """Answer with bytes of another state, whatever state was asked for."""
    data, _headers = _object(handler, request)
    other = data[::-1]
    _send(handler, 206, WebServer.state_of(other, 0) | _range(other, 0, len(other)), other)
    return True


def other_range(handler: BaseHTTPRequestHandler, request: Request) -> bool:
    """Answer with the right number of bytes from another place of the object."""
    data, headers = _object(handler, request)
    half = len(data) // 2
    _send(handler, 206, headers | _range(data, half, len(data)), data[half:])
    return True


def redirect(url: str) -> Fault:
    """Redirect to a URL."""

    def answer(handler: BaseHTTPRequestHandler, _request: Request) -> bool:
        _send(handler, 302, {"Location": url, "Content-Length": "0"}, b"")
        return True

    return answer


def _object(handler: BaseHTTPRequestHandler, request: Request) -> tuple[bytes, dict[str, str]]:
    data, changed = cast("WebServerHandler", handler).state.objects[request.path]
    return data, WebServer.state_of(data, changed)


def _range(data: bytes, start: int, end: int) -> dict[str, str]:
    return {"Content-Length": str(end - start), "Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}


def _send(handler: BaseHTTPRequestHandler, code: int, headers: dict[str, str], body: bytes) -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(b"" if handler.command == "HEAD" else body)
