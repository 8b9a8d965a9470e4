"""Which handler is for which scheme; a scheme without one is tracked by its URI and not read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from artfs.errors import InvalidInputError
from artfs.format.reference import Reference
from artfs.names import quoted
from artfs.references.handler import Found, Handler
from artfs.references.local import LocalFiles

__all__ = ["find", "read", "scheme_of"]

_HANDLERS: Final[Mapping[str, Handler]] = {"file": LocalFiles()}
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def scheme_of(uri: str) -> str:
    """The scheme of a URI that artifacts may refer to.

    Raises:
        InvalidInputError: It has none, or it holds credentials.
    """
    match = _SCHEME.match(uri)
    if match is None:
        raise InvalidInputError("a reference needs a URI with a scheme, as in file:///data/images")
    try:
        credentials = "@" in urlsplit(uri).netloc
    except ValueError as error:
        raise InvalidInputError(f"the reference is no valid URI: {error}") from None
    if credentials:
        raise InvalidInputError(
            "a reference must not hold user or password: they come from the provider's usual places"
        )
    return match[1].lower()


def find(uri: str, *, checksum: bool) -> Iterator[Found] | None:
    """Yield what a URI leads to; None if there is no handler for its scheme.

    Raises:
        InvalidInputError: It is not allowed, or leads to nothing.
        SourceError: It cannot be read.
    """
    handler = _HANDLERS.get(scheme_of(uri))
    return None if handler is None else handler.find(uri, checksum=checksum)


def read(reference: Reference, offset: int, size: int) -> bytes:
    """Read a range of what a reference is to; see `Handler.read`.

    Raises:
        InvalidInputError: There is no handler for its scheme.
    """
    handler = _HANDLERS.get(scheme_of(reference.uri))
    if handler is None:
        raise InvalidInputError(f"{quoted(reference.uri)} is kept by its URI alone: artfs cannot read its scheme")
    return handler.read(reference, offset, size)
