"""The bytes of a file, for images, sound and video on the page, for downloads, and for HTML in a sandbox.

Only what a browser shows without running it comes with its media type, by its contents: images, sound and video. HTML
comes as HTML only to a frame, and with a policy that lets it run and reach nothing: opened as a page of its own it
could go elsewhere with what it knows. All else, SVG too, is a download.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from artfs.errors import InvalidInputError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.names import parse_entry_path, parse_ref
from artfs.store.read.symlinks import entry_through_links
from artfs.web.previews.signatures import HEAD_BYTES, is_html, media_type

if TYPE_CHECKING:
    from starlette.requests import Request

    from artfs.catalog import Version
    from artfs.web.site import Site

__all__ = ["raw_response"]

_PIECE: Final = 1 << 20
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")
_SANDBOX: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; media-src data: blob:; connect-src 'none'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
_NOTHING: Final = "sandbox; default-src 'none'"


def raw_response(site: Site, request: Request) -> Response:
    """Answer `raw/KEY/NAME:vN/PATH`, also in ranges.

    Raises:
        NotFoundError: There is no such file.
    """
    ref = request.path_params["ref"]
    if not site.capabilities.opens(request.path_params["key"], ref):
        return PlainTextResponse("this URL is not of this server, or of an earlier start: load the page again\n", 403)
    # Not starlette's path, in which bytes that are no UTF-8 are lost.
    path = unquote_to_bytes(request.scope["raw_path"].partition(b"?")[0]).split(b"/raw/", 1)[-1].split(b"/", 2)[-1]
    with site.store.use() as store:
        with store.catalog.view() as view:
            version = view.resolve(parse_ref(ref))
        try:
            _target, entry = entry_through_links(store, version, parse_entry_path(path))
        except InvalidInputError as error:
            raise NotFoundError(f"there is no such path: {error}") from error
        if entry.kind != Kind.FILE:
            raise NotFoundError("these are not the bytes of a file in the store")
        head = bytes(store.content.read(entry, 0, HEAD_BYTES))
    name = path.rpartition(b"/")[2]
    headers = {"Accept-Ranges": "bytes", "Content-Security-Policy": _NOTHING, "Content-Type": media_type(head)}
    if is_html(head, name) and request.headers.get("sec-fetch-dest") == "iframe":
        headers |= {"Content-Security-Policy": _SANDBOX, "Content-Type": "text/html; charset=utf-8"}
    elif headers["Content-Type"] == "application/octet-stream":
        shown = quote(name.decode(errors="replace"), safe="")
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{shown}"
    return _ranged(site, request, version, entry, headers)


def _ranged(site: Site, request: Request, version: Version, entry: Entry, headers: dict[str, str]) -> Response:
    """Answer with all bytes, or with the range that is asked for."""
    start, end, status = 0, entry.size, 200
    asked = request.headers.get("range")
    found = None if asked is None else _range(asked, entry.size)
    if found is not None:
        start, end = found
        if start >= end:
            return Response(None, 416, {"Content-Range": f"bytes */{entry.size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{entry.size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Response(None, status, headers)
    return StreamingResponse(_pieces(site, version, entry, start, end), status, headers)


def _range(asked: str, size: int) -> tuple[int, int] | None:
    """Return the range that is asked for, empty if the file has none of it; None for all, as of several ranges."""
    match = _RANGE.match(asked)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start, end = int(match[1]), int(match[2]) + 1 if match[2] else size
    return None if end <= start and match[2] else (start, min(end, size))


def _pieces(site: Site, version: Version, entry: Entry, start: int, end: int) -> Iterator[bytes]:
    """Read a range. Between two pieces the store is free to be opened again, however slow the browser is."""
    with site.store.use() as store:
        store.retain(version)
    try:
        for offset in range(start, end, _PIECE):
            with site.store.use() as current:
                data = bytes(current.content.read(entry, offset, min(_PIECE, end - offset)))
            yield data
    finally:
        store.release(version.serial)
