"""Guard of the server: refuses requests that its own page does not make, and sets headers that confine the page.

The server listens on the loopback interface, which every page in the user's browser and every user of the machine can
reach. So:

- The name in `Host` is one of the loopback, or was allowed: else a foreign site whose name resolves to 127.0.0.1 would
  be of the same origin (DNS rebinding). The port may be any, since `ssh -L` gives it another.
- Only GET and HEAD are answered. `Origin`, where it is sent, is the server's own, and `Sec-Fetch-Site` says that the
  request comes from it or from the user; any page may lead to the start page, which has no data.
- Below `/api/` the request has the token in a header. It is in no cookie, since those go to every port of a host.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard"]

_HEADER: Final = "X-Artfs-Token"
"""The header with the token. `Authorization` would be taken by a proxy in between, as Jupyter's."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every answer that does not set them itself."""


class _Refusal(NamedTuple):
    """The answer to a request that is refused."""

    status: int
    reason: str


class Guard:
    """An ASGI application in front of another.

    Args:
        app: Answers what is let through.
        token: What requests below `/api/` have to know.
        hosts: Host names that are allowed besides those of the loopback.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = _LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""

        async def send_confined(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        app = self._app if refusal is None else PlainTextResponse(f"{refusal.reason}\n", refusal.status)
        await app(scope, receive, send_confined)

    def _refusal(self, scope: Scope) -> _Refusal | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or _hostname(host) not in self._hosts:
            return _Refusal(421, "this name is not allowed as Host: `artfs ui --allow-host NAME` allows it")
        if scope["method"] not in {"GET", "HEAD"}:
            return _Refusal(405, "only GET and HEAD are answered: `artfs ui` changes nothing")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return _Refusal(403, "another site made this request")
        if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"} and path != "/":
            return _Refusal(403, "another site made this request")
        if path.startswith("/api/"):
            given = headers.get(_HEADER, "").encode("latin-1")
            if not hmac.compare_digest(given, self._token):
                return _Refusal(401, "the token is missing or old: open the URL that `artfs ui` printed last")
        return None


def _hostname(host: str) -> str:
    """Return the name of a Host header, without the port."""
    bracketed = host.find("]") + 1 if host.startswith("[") else 0
    name, _colon, _port = host[bracketed:].partition(":")
    return (host[:bracketed] + name).lower()
