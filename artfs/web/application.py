"""The application: which function answers which path."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from artfs.errors import ArtfsError
from artfs.web.answers import json_response, on_artfs_error, on_no_route, on_system_error
from artfs.web.guard import Guard
from artfs.web.pages import asset, start_page
from artfs.web.query import Query
from artfs.web.raw import raw_response
from artfs.web.routes.artifacts import artifact, artifacts, version
from artfs.web.routes.diff import diff
from artfs.web.routes.files import files
from artfs.web.routes.history import history, verified
from artfs.web.routes.lineage import graph, lineage
from artfs.web.routes.preview import preview
from artfs.web.routes.runs import run, run_history, runs
from artfs.web.routes.store import state, summary
from artfs.web.routes.usage import space

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from artfs.store.store import Store
    from artfs.web.site import Site

__all__ = ["API_ROUTES", "make_application"]

Answer = Callable[["Store", Query], Any]
"""Returns a JSON document, or an answer that is none."""


class _AnyText(Convertor[str]):
    """Any text: a file's name may have a newline, which is in no path of starlette's."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """Return it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Return it as it is."""
        return value


register_url_convertor("any", _AnyText())

API_ROUTES: Final[Mapping[str, Answer]] = {
    "/api/state": state,
    "/api/store": summary,
    "/api/usage": space,
    "/api/artifacts": artifacts,
    "/api/artifacts/{name}": artifact,
    "/api/versions/{ref}": version,
    "/api/files/{ref}": files,
    "/api/preview/{ref}": preview,
    "/api/diff/{old}/{new}": diff,
    "/api/graph": graph,
    "/api/lineage/{ref}": lineage,
    "/api/runs": runs,
    "/api/runs/{id}": run,
    "/api/runs/{id}/history": run_history,
    "/api/history": history,
    "/api/history/verify": verified,
}


def make_application(site: Site, token: str, hosts: Collection[str] = ()) -> ASGIApp:
    """Make the application of a server.

    Args:
        site: What it shows.
        token: What requests below `/api/` have to know.
        hosts: Host names that are allowed besides those of the loopback.
    """
    routes = [
        Route("/", start_page),
        Route("/static/{name}", asset),
        Route("/raw/{key}/{ref}/{path:any}", partial(raw_response, site)),
        *(Route(path, _endpoint(site, answer)) for path, answer in API_ROUTES.items()),
    ]
    handlers = {ArtfsError: on_artfs_error, OSError: on_system_error, HTTPException: on_no_route}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token, hosts)


def _endpoint(site: Site, answer: Answer) -> Callable[[Request], Response]:
    """Make what starlette calls, in a thread of its pool, since answers read the disk."""

    def respond(request: Request) -> Response:
        query = Query(site, request)
        with site.store.use() as store:
            found = answer(store, query)
            return found if isinstance(found, Response) else json_response(found)

    return respond
