"""The user's settings for objects elsewhere: connections by bucket or prefix, and the size of the cache.

They are the user's own, in a TOML file: a store of somebody else must not send this user's credentials to another
server. Credentials are not among them; they come from the providers' usual places.

    [cache]
    size = "50GiB"

    [objects."s3://bucket/prefix"]
    endpoint = "http://minio.example:9000"
    region = "eu-west-1"
    anonymous = false
    profile = "research"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from artfs.errors import InvalidInputError
from artfs.names import quoted
from artfs.objects.environment import config_path

__all__ = ["ConnectionSettings", "Settings", "load_settings", "parse_settings", "read_config"]


_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([KMGT]?)(?:i?B)?", re.IGNORECASE)


class ConnectionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the objects below a URI are reached; what is None comes from the provider's variables and files.

    Attributes:
        endpoint: URL of the server, as of a MinIO or an emulator.
        region: Of the bucket (S3).
        anonymous: Send no credentials, as public buckets want it.
        profile: Which one of the provider's configuration files (S3).
        account: Name of the storage account (Azure).
        requester_pays: Let this user's account be charged (S3).
    """

    endpoint: str | None = None
    region: str | None = None
    anonymous: bool | None = None
    profile: str | None = None
    account: str | None = None
    requester_pays: bool | None = None

    def __post_init__(self) -> None:
        endpoint = self.endpoint
        if endpoint is not None:
            host = endpoint.partition("://")[2].partition("/")[0]
            if not endpoint.startswith(("http://", "https://")) or not host or "@" in host or "?" in endpoint:
                raise ValueError("endpoint must be a URL like https://minio.example:9000, without user or password")


class _Cache(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: str | int | None = None

    def __post_init__(self) -> None:
        self.bytes()

    def bytes(self) -> int | None:
        """Return the size as a number; None: the default."""
        if self.size is None or isinstance(self.size, int):
            return self.size
        match = _SIZE.fullmatch(self.size.strip())
        if match is None:
            raise ValueError(f"cache.size {self.size!r} is no size: write it like 50GiB")
        return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The configuration file.

    Attributes:
        cache: `cache.size` is the most that the cache may take, as `50GiB`; None: the default.
        objects: Connections by the URI of a bucket or prefix.
    """

    cache: _Cache = _Cache()
    objects: dict[str, ConnectionSettings] = {}  # msgspec copies it

    def connection(self, uri: str) -> ConnectionSettings:
        """Return the settings of the longest prefix that a URI is below."""
        below = [prefix for prefix in self.objects if _is_below(uri, prefix)]
        return self.objects[max(below, key=len)] if below else _NONE


_NONE: Final = ConnectionSettings()


def load_settings(variables: Mapping[str, str]) -> Settings:
    """Read the configuration file; without one nothing is set.

    Args:
        variables: The environment.

    Raises:
        InvalidInputError: It is not as it should be, or cannot be read.
    """
    path = config_path(variables)
    return parse_settings(read_config(path), path)


def read_config(path: Path) -> dict[str, object]:
    """Read the configuration file as TOML; without one nothing is set.

    Raises:
        InvalidInputError: It is no TOML, or cannot be read.
    """
    import tomllib  # noqa: PLC0415 # for references elsewhere alone

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError(f"configuration {quoted(str(path))} cannot be read: {error}") from error


def parse_settings(tables: dict[str, object], path: Path) -> Settings:
    """Check what a configuration file says.

    Raises:
        InvalidInputError: Something in it is not known or has another type; the message names it and the file.
    """
    try:
        return msgspec.convert(tables, Settings)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"configuration {quoted(str(path))}: {error}") from error


def _is_below(uri: str, prefix: str) -> bool:
    return uri == prefix or uri.startswith(prefix if prefix.endswith("/") else f"{prefix}/")
