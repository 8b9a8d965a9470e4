"""URIs of objects, parsed: the provider, the bucket or container, the key, and a version that the URI names.

Keys of `s3:`, `gs:`, `az:` and `abfs:` stand in the URI as they are, as the providers' own tools have it. In `https:`
they are escaped (`%20`).

    s3://BUCKET/KEY           s3://BUCKET/KEY?versionId=ID
    gs://BUCKET/KEY           gs://BUCKET/KEY#GENERATION
    az://CONTAINER/KEY        abfs[s]://CONTAINER@ACCOUNT.dfs.core.windows.net/KEY
    https://ACCOUNT.blob.core.windows.net/CONTAINER/KEY      any other http: or https: is a web server's
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, unquote, urlsplit

from artfs.errors import InvalidInputError
from artfs.names import quoted

__all__ = ["Location", "Provider", "parse_location", "parse_object"]

Provider = Literal["s3", "gs", "az", "http"]

_PROVIDERS: Final[dict[str, Provider]] = {"s3": "s3", "gs": "gs", "az": "az", "abfs": "az", "abfss": "az"}
_BLOB_HOST: Final = re.compile(r"([a-z0-9]+)\.blob\.core\.[a-z0-9.]+", re.IGNORECASE)
_VERSION: Final = {
    "s3": re.compile(r"\?versionId=([^?&#]+)$"),
    "gs": re.compile(r"#([0-9]+)$"),
    "az": re.compile(r"\?versionId=([^?&#]+)$", re.IGNORECASE),
}
_FORMS: Final = {"s3": "s3://BUCKET/KEY", "gs": "gs://BUCKET/KEY", "az": "az://CONTAINER/KEY"}


@dataclass(frozen=True, slots=True)
class Location:
    """Where a URI leads.

    Attributes:
        provider: Whose protocol is spoken.
        top: The URI of the bucket or container, with a slash at its end; a key after it makes a URI. Or the URL of
            what a web server has.
        bucket: Bucket or container; empty of a web server.
        account: Storage account that the URI names (Azure).
        key: Of the object, or the prefix of keys; empty of a web server.
        version: The version or generation that the URI names.
    """

    provider: Provider
    top: str
    bucket: str
    account: str | None
    key: str
    version: str | None = None

    @property
    def basename(self) -> str:
        """The last part of the path of the object; of a web server's top its host."""
        if self.provider == "http":
            parts = urlsplit(self.top)
            return unquote(parts.path).rpartition("/")[2] or parts.netloc
        return self.key.rpartition("/")[2]

    def uri(self, key: str) -> str:
        """Return the URI of an object of this bucket."""
        return self.top + (quote(key) if self.top.startswith("http") else key)


def parse_location(uri: str) -> Location:
    """Parse a URI as users write it.

    Raises:
        InvalidInputError: It is not one of the forms.
    """
    provider = _provider(uri)
    version = None
    pattern = _VERSION.get(provider)
    match = pattern.search(uri) if pattern else None
    if match:
        uri, version = uri[: match.start()], match[1]
    return _parse(uri, provider, version)


def parse_object(uri: str) -> Location:
    """Parse the URI of an object as `Location.uri` writes it: a version does not stand in it.

    Raises:
        InvalidInputError: It is not one of the forms.
    """
    return _parse(uri, _provider(uri), None)


def _provider(uri: str) -> Provider:
    scheme = uri.partition(":")[0].lower()
    if scheme in _PROVIDERS:
        return _PROVIDERS[scheme]
    return "az" if _BLOB_HOST.fullmatch(urlsplit(uri).hostname or "") else "http"


def _parse(uri: str, provider: Provider, version: str | None) -> Location:
    scheme, _colon, rest = uri.partition(":")
    scheme = scheme.lower()
    host, _slash, path = rest.removeprefix("//").partition("/")
    if not rest.startswith("//") or not host:
        raise InvalidInputError(f"{quoted(uri)} names no server: write {_FORMS.get(scheme, 'https://HOST/PATH')}")
    if provider == "http":
        return Location("http", _web_url(uri), "", None, "")
    account = None
    if scheme in {"http", "https"}:
        account = host.partition(".")[0].lower()
        container, _slash, path = path.partition("/")
        if not container:
            raise InvalidInputError(f"{quoted(uri)} names no container: write https://{host}/CONTAINER/KEY")
        return Location("az", f"https://{host}/{container}/", unquote(container), account, unquote(path), version)
    if scheme in {"abfs", "abfss"}:
        container, at, server = host.partition("@")
        if at:
            account = server.partition(".")[0].lower()
        return Location("az", f"{scheme}://{host}/", container, account, path, version)
    return Location(provider, f"{scheme}://{host}/", host, account, path, version)


def _web_url(uri: str) -> str:
    """Return a URL of the web in one spelling: lower case where that means the same, no fragment."""
    parts = urlsplit(uri)
    if not parts.hostname:
        raise InvalidInputError(f"{quoted(uri)} names no server: write https://HOST/PATH")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{path}" + (f"?{query}" if query else "")
