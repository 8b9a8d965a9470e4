"""Query of a request: the parts of its path and its parameters, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote_from_bytes

from artfs.errors import InvalidInputError
from artfs.names import VersionRef, parse_entry_path, parse_ref, quoted

if TYPE_CHECKING:
    from starlette.requests import Request

    from artfs.names import EntryPath
    from artfs.web.site import Site

__all__ = ["MAX_LIMIT", "Query", "url_path"]

MAX_LIMIT: Final = 1000
"""Rows of a page at most."""
_LIMIT: Final = 100


class Query:
    """What a request asks for.

    Args:
        site: What it asks.
        request: The request.

    Attributes:
        site: As given.
    """

    def __init__(self, site: Site, request: Request) -> None:
        self.site = site
        self._parts = request.path_params
        # Not starlette's: in a path that is percent-encoded each byte counts, and it need not be UTF-8.
        pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), errors="surrogateescape", max_num_fields=100)
        self._parameters: dict[str, str] = dict(pairs)

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return str(self._parts[name])

    def ref(self, name: str = "ref") -> VersionRef:
        """Return a part of the path that is a reference, as the command line takes it.

        Raises:
            InvalidInputError: It is none.
        """
        return parse_ref(self.part(name))

    def text(self, name: str) -> str:
        """Return a parameter; empty if it is not given.

        Raises:
            InvalidInputError: It is not UTF-8.
        """
        value = self._parameters.get(name, "")
        if not _is_unicode(value):
            raise InvalidInputError(f"{name} is not UTF-8")
        return value

    def number(self, name: str, default: int = 0, *, least: int = 0, most: int = 1 << 62) -> int:
        """Return a parameter that is a number.

        Raises:
            InvalidInputError: It is none, or not in the range.
        """
        value = self._parameters.get(name, "")
        if not value:
            return default
        if not (value.isascii() and value.isdecimal() and len(value) <= 19) or not least <= int(value) <= most:
            raise InvalidInputError(f"{name} {quoted(value)} is not allowed: give a number from {least} to {most}")
        return int(value)

    def flag(self, name: str) -> bool:
        """Return whether a parameter is given, and neither empty nor 0."""
        return self._parameters.get(name, "") not in {"", "0"}

    def limit(self) -> int:
        """Return how many rows the page may have."""
        return self.number("limit", _LIMIT, least=1, most=MAX_LIMIT)

    def path(self) -> EntryPath:
        """Return the entry that the parameter `path` names; `()` is the version's own directory.

        Raises:
            InvalidInputError: It is no path of an entry.
        """
        value = self._parameters.get("path", "")
        return parse_entry_path(value) if value else ()


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def url_path(path: bytes) -> str:
    """Return a path as URLs have it: each byte that could be taken for something else is percent-encoded."""
    return quote_from_bytes(path, safe="/")
