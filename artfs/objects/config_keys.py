"""Keys of the user's configuration, as commands write them: `cache.size`, `objects.s3://photos.endpoint`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from artfs.errors import InvalidInputError
from artfs.names import quoted
from artfs.objects.locations import parse_location
from artfs.objects.settings import ConnectionSettings, Settings
from artfs.spelling import nearest

__all__ = ["CACHE_SIZE", "ConfigKey", "ConfigValue", "parse_key", "set_keys"]

ConfigValue = str | int | bool

_CONNECTION: Final = ConnectionSettings.__struct_fields__
_FLAGS: Final = ("anonymous", "requester_pays")
_SCHEMES: Final = ("s3", "gs", "az", "abfs", "abfss", "https", "http")
_TRUTH: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A key of the configuration.

    Attributes:
        table: The names of the table in the file: `cache`, or `objects` and the URI of a bucket or prefix.
        name: The key in it.
    """

    table: tuple[str, ...]
    name: str

    def __str__(self) -> str:
        return ".".join((*self.table, self.name))

    def value(self, text: str) -> ConfigValue:
        """Convert what a user wrote for it.

        Raises:
            InvalidInputError: It is no value of this key, or no object can be below the URI in the key.
        """
        if not text or not text.isprintable():
            raise InvalidInputError(f"{self} takes one line of text, not {quoted(text)}")
        value = _TRUTH.get(text.lower(), text) if self.name in _FLAGS else text
        if self.name in _FLAGS and value not in _TRUTH.values():
            raise InvalidInputError(f"{self} takes true or false, not {quoted(text)}")
        if self.table[0] == "objects":
            self._check_uri(self.table[1])
        tables: dict[str, object] = {self.name: value}
        for name in reversed(self.table):
            tables = {name: tables}
        try:
            msgspec.convert(tables, Settings)
        except msgspec.ValidationError as error:
            raise InvalidInputError(str(error).partition(" - at `")[0]) from error
        return value

    def _check_uri(self, uri: str) -> None:
        parse_location(uri)
        if uri.partition(":")[0] not in _SCHEMES:
            raise InvalidInputError(f"{self}: connections are set for {', '.join(_SCHEMES)}, not for {quoted(uri)}")


CACHE_SIZE: Final = ConfigKey(("cache",), "size")


def parse_key(text: str) -> ConfigKey:
    """Parse a key; the URI may stand in quotation marks, as in the file.

    Raises:
        InvalidInputError: There is none like this; the message names the nearest.
    """
    if text == str(CACHE_SIZE):
        return CACHE_SIZE
    head, _, rest = text.partition(".")
    uri, _, name = rest.rpartition(".")
    if head != "objects" or "://" not in uri:
        meant = nearest(text, [str(CACHE_SIZE)])
    else:
        uri = uri[1:-1] if len(uri) > 1 and uri[0] == uri[-1] == '"' else uri
        if name in _CONNECTION and uri.isprintable():
            return ConfigKey(("objects", uri), name)
        close = nearest(name, _CONNECTION)
        meant = None if close is None else f"objects.{uri}.{close}"
    if meant is not None:
        raise InvalidInputError(f"no such setting {quoted(text)}: did you mean {quoted(meant)}?")
    raise InvalidInputError(
        f"no such setting {quoted(text)}: there are {CACHE_SIZE} and objects.URI.NAME, as "
        f"objects.s3://photos.endpoint, with one of the names {', '.join(_CONNECTION)}"
    )


def set_keys(settings: Settings) -> Iterator[tuple[ConfigKey, ConfigValue]]:
    """Find what a configuration sets."""
    if settings.cache.size is not None:
        yield CACHE_SIZE, settings.cache.size
    for uri, connection in settings.objects.items():
        for name in _CONNECTION:
            value: ConfigValue | None = getattr(connection, name)
            if value is not None:
                yield ConfigKey(("objects", uri), name), value
