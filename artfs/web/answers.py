"""Answers of the API: JSON documents, and errors as documents with a status."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from artfs.documents.failures import failure_document
from artfs.errors import (
    ArtfsError,
    InvalidInputError,
    NotFoundError,
    SourceError,
    StorageError,
    StoreError,
)

__all__ = ["json_response", "on_artfs_error", "on_no_route", "on_system_error"]

_STATUS: Final[tuple[tuple[type[ArtfsError], int], ...]] = (
    (InvalidInputError, 400),
    (NotFoundError, 404),
    (SourceError, 502),  # what a reference leads to cannot be read
    (StoreError, 503),
    (StorageError, 503),
)
"""Statuses by class; of all others 500."""


def json_response(document: Any, status: int = 200) -> Response:
    """Make an answer of a JSON document."""
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def on_artfs_error(_request: Request, error: Exception) -> Response:
    """Answer a request that failed on purpose."""
    if not isinstance(error, ArtfsError):  # starlette calls this for that class alone
        raise error
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return json_response(failure_document(error), status)


def on_system_error(request: Request, error: Exception) -> Response:
    """Answer a request in which the system refused something."""
    refused = StorageError.of(error, "reading the store") if isinstance(error, OSError) else error
    return on_artfs_error(request, refused)


def on_no_route(_request: Request, error: Exception) -> Response:
    """Answer a request for a path that nothing answers."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return json_response({"kind": "not_found", "exit_code": 3, "message": "there is no such page"}, status)
