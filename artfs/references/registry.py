"""Which handler is for which scheme; a scheme without one is tracked by its URI and not read.

`file:` comes with artfs. A handler of another scheme is registered by the program, or by an installed package through
an entry point of the group `artfs.references`, whose name is the scheme and which is called without arguments to make
the handler: that one serves mounts and the command line too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from artfs.errors import InvalidInputError, ReferenceUnreadableError
from artfs.format.reference import Reference
from artfs.names import quoted
from artfs.references.handler import Found, Handler
from artfs.references.local import LocalFiles

__all__ = ["find", "is_readable", "read", "register", "scheme_of"]

_GROUP: Final = "artfs.references"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# What stands before the first slash after `scheme://`; backslashes count as slashes, since some clients take them so.
# Without the slashes (`https:user:secret@host`) only what has the form of user and password is taken for it.
_USERINFO: Final = re.compile(r"[/\\]{2}[^/\\?#]*@|[^/\\?#@]+:[^/\\?#@]*@")
# The parameters by which signed URLs of the object stores and tokens of HTTP services grant access.
_GRANTING: Final = frozenset(
    {
        *("x-amz-signature", "x-amz-credential", "x-amz-security-token", "awsaccesskeyid"),
        *("x-goog-signature", "x-goog-credential", "googleaccessid", "signature", "sig"),
        *("access_token", "token", "api_key", "apikey", "password", "passwd", "secret"),
    }
)

_handlers: dict[str, Handler | None] = {"file": LocalFiles()}


def register(scheme: str, handler: Handler) -> None:
    """Let a handler find and read the references of a scheme in this process.

    Args:
        scheme: As in URIs, without the colon.
        handler: For it, instead of the one that it had.

    Raises:
        InvalidInputError: The scheme is not one that a URI can have.
    """
    if not _SCHEME.fullmatch(scheme + ":"):
        raise InvalidInputError(f"scheme {scheme!r} is not allowed: use letters, digits, '+', '-' and '.'")
    _handlers[scheme.lower()] = handler


def scheme_of(uri: str) -> str:
    """The scheme of a URI that artifacts may refer to.

    Raises:
        InvalidInputError: It has none, or it holds credentials.
    """
    match = _SCHEME.match(uri)
    if match is None:
        raise InvalidInputError("a reference needs a URI with a scheme, as in file:///data/images")
    try:
        query = urlsplit(uri).query
    except ValueError:
        raise InvalidInputError("the reference is no valid URI: correct its host") from None
    granting = {name.lower() for name, _value in parse_qsl(query, keep_blank_values=True)} & _GRANTING
    if _USERINFO.match(uri, match.end()) or granting:
        raise InvalidInputError(
            "a reference must not hold user or password, nor a signature or token: "
            "they come from the provider's usual places"
        )
    return match[1].lower()


def find(uri: str, *, checksum: bool) -> Iterator[Found] | None:
    """Yield what a URI leads to; None if there is no handler for its scheme.

    Args:
        uri: With a scheme.
        checksum: Keep what identifies the contents.

    Raises:
        InvalidInputError: It is not allowed, or leads to nothing.
        SourceError: It cannot be read.
    """
    handler = _handler(scheme_of(uri))
    return None if handler is None else handler.find(uri, checksum=checksum)


def is_readable(reference: Reference) -> bool:
    """Whether there is a handler for a reference's scheme; else it is kept by its URI alone."""
    return _handler(scheme_of(reference.uri)) is not None


def read(reference: Reference, offset: int, size: int) -> bytes:
    """Read a range of what a reference is to; see `Handler.read`.

    Raises:
        ReferenceUnreadableError: There is no handler for its scheme.
    """
    handler = _handler(scheme_of(reference.uri))
    if handler is None:
        raise ReferenceUnreadableError(
            f"{quoted(reference.uri)} is kept by its URI alone: artfs cannot read its scheme"
        )
    return handler.read(reference, offset, size)


def _handler(scheme: str) -> Handler | None:
    if scheme not in _handlers:
        from importlib import metadata  # noqa: PLC0415 # takes longer to load than all of the API

        found = metadata.entry_points(group=_GROUP, name=scheme)
        _handlers[scheme] = next(iter(found)).load()() if found else None
    return _handlers[scheme]
