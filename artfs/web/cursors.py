"""Cursors: where the next page of a list begins, as text that only this server reads."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

from artfs.errors import InvalidInputError

__all__ = ["cursor", "page_of", "read_cursor"]

R = TypeVar("R")


def cursor(text: str | bytes) -> str:
    """Make a cursor of the key of a row."""
    return urlsafe_b64encode(text.encode() if isinstance(text, str) else text).decode().rstrip("=")


def read_cursor(text: str) -> bytes:
    """Return the key that a cursor was made of.

    Raises:
        InvalidInputError: It is no cursor.
    """
    try:
        return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, Base64Error):
        raise InvalidInputError("that is no cursor: begin with the first page") from None


def page_of(rows: Iterator[R], limit: int) -> tuple[list[R], R | None]:
    """Take the rows of a page.

    Returns:
        The rows, and the first one behind them; None if there is none.
    """
    page = list(islice(rows, limit + 1))
    return page[:limit], page[limit] if len(page) > limit else None
