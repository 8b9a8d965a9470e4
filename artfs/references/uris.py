"""The URIs that artifacts may refer to: they have a scheme, and hold no credentials."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from artfs.errors import InvalidInputError

__all__ = ["is_scheme", "scheme_of"]

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# What stands before the first slash after `scheme://`; backslashes count as slashes, since some clients take them so.
# Without the slashes (`https:user:secret@host`) only what has the form of user and password is taken for it.
_USERINFO: Final = re.compile(r"[/\\]{2}[^/\\?#]*@|[^/\\?#@]+:[^/\\?#@]*@")
# In `abfs://container@account.host/path` a container stands before the sign.
_CONTAINER: Final = re.compile(r"abfss?://[a-z0-9$-]+@[^@/\\?#]+(/|$)", re.IGNORECASE)
# A URI without a query, whose host needs no look: most have this form, and each read of a reference comes by here.
_PLAIN: Final = re.compile(r"[^?#\[\]\x7f-\U0010ffff]+")
# The parameters by which signed URLs of the object stores and tokens of HTTP services grant access.
_GRANTING: Final = frozenset(
    {
        *("x-amz-signature", "x-amz-credential", "x-amz-security-token", "awsaccesskeyid"),
        *("x-goog-signature", "x-goog-credential", "googleaccessid", "signature", "sig"),
        *("access_token", "token", "api_key", "apikey", "password", "passwd", "secret"),
    }
)


def is_scheme(text: str) -> bool:
    """Return True if a URI can have this scheme; it is given without the colon."""
    return _SCHEME.fullmatch(text + ":") is not None


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI that artifacts may refer to, in lower case.

    Raises:
        InvalidInputError: It has none, or it holds credentials.
    """
    match = _SCHEME.match(uri)
    if match is None:
        raise InvalidInputError("a reference needs a URI with a scheme, as in file:///data/images")
    granting = None if _PLAIN.fullmatch(uri) else _granting(uri)
    if (_USERINFO.match(uri, match.end()) and not _CONTAINER.match(uri)) or granting:
        raise InvalidInputError(
            "a reference must not hold user or password, nor a signature or token: "
            "they come from the provider's usual places"
        )
    return match[1].lower()


def _granting(uri: str) -> set[str]:
    """Return the parameters of a URI that grant access.

    Raises:
        InvalidInputError: It is no URI.
    """
    try:
        query = urlsplit(uri).query
    except ValueError:
        raise InvalidInputError("the reference is no valid URI: correct its host") from None
    return {name.lower() for name, _value in parse_qsl(query, keep_blank_values=True)} & _GRANTING
