"""Capabilities: keys in URLs, each of which opens the bytes of one version.

An `<img>` or a download sends no token, so the URL itself says that the page got it from the API. The secret is new at
each start.
"""

from __future__ import annotations

import base64
import hmac
import secrets

__all__ = ["Capabilities"]

_KEY_BYTES = 18


class Capabilities:
    """Makes keys and checks them."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def key(self, ref: str) -> str:
        """Return the key of a version, by its reference `NAME:vN`."""
        digest = hmac.digest(self._secret, ref.encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:_KEY_BYTES]).decode()

    def opens(self, key: str, ref: str) -> bool:
        """Return whether a key is that of a version."""
        return hmac.compare_digest(key.encode("utf-8", "surrogatepass"), self.key(ref).encode())
