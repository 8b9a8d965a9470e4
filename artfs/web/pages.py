"""The start page and the other files of the built client, which are in `static/`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["asset", "start_page"]

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_DIRECTORY: Final = Path(__file__).with_name("static")
_UNBUILT: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>artfs</title>
<h1>The page is not built</h1>
<p>This artfs was installed from a checkout without the built page. The API below <code>api/</code> answers.</p>
"""


def start_page(_request: Request) -> Response:
    """Answer with the client's page, or with one that says that it is not built."""
    return _file("index.html") or HTMLResponse(_UNBUILT)


def asset(request: Request) -> Response:
    """Answer with a file of the client."""
    return _file(request.path_params["name"]) or PlainTextResponse("there is no such page\n", 404)


def _file(name: str) -> Response | None:
    """Return a file of the directory by a name that its listing has, so that no name leads out of it."""
    files = _DIRECTORY.iterdir() if _DIRECTORY.is_dir() else iter(())
    found = next((file for file in files if file.name == name and file.is_file()), None)
    if found is None:
        return None
    return Response(found.read_bytes(), media_type=_TYPES.get(name.rpartition(".")[2], "application/octet-stream"))
