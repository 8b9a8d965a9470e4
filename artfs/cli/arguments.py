"""Types of arguments and options: each parses what a user wrote into a value that cannot be wrong.

An `InvalidInputError` of the parsers passes through click as it is: its line says more than click's would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from artfs.cli.settings import Settings
from artfs.errors import ArtfsError, InvalidInputError
from artfs.names import (
    ArtifactName,
    parse_alias,
    parse_artifact_name,
    parse_artifact_type,
    parse_path_ref,
    parse_ref,
    parse_tag,
    quoted,
    version_index,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = [
    "ALIAS",
    "DRAFT",
    "DURATION",
    "METADATA",
    "NAME",
    "PATH_REF",
    "REF",
    "TAG",
    "TEXT",
    "TYPE",
    "VERSION",
    "metadata_of",
]

T = TypeVar("T")


class _Parsed(click.ParamType[T]):
    """What a function makes of the text.

    Args:
        name: What help calls it.
        parse: Raises InvalidInputError for what is not allowed.
    """

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> T:  # noqa: ARG002 - click's signature
        """Parse."""
        return self._parse(value)


class _Named(_Parsed[T]):
    """What begins with an artifact's name, which a shell can complete."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """Offer artifacts, and behind a colon aliases and versions; nothing when anything fails."""
        from click.shell_completion import CompletionItem

        try:
            with ctx.ensure_object(Settings).open_store() as store, store.catalog.view() as view:
                artifacts = list(view.artifacts())
                if ":" not in incomplete:
                    return [CompletionItem(a.name, help=a.type) for a in artifacts if a.name.startswith(incomplete)]
                found = [artifact for artifact in artifacts if incomplete.startswith(f"{artifact.name}:")]
                refs = [f"{a.name}:{alias.name}" for a in found for alias in view.aliases(a.serial)]
                refs += [f"{a.name}:{v.name}" for a in found for v in view.versions(a.serial, newest_first=True)]
                return [CompletionItem(ref) for ref in refs if ref.startswith(incomplete)]
        except (ArtfsError, OSError):
            return []


def _text(value: str) -> str:
    """Refuse text that is not UTF-8: it goes into JSON and journal, not into a file name."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"text {quoted(value)} is not UTF-8: write it in UTF-8") from None
    return value


def _metadata(value: str) -> tuple[str, Any]:
    import json

    key, equals, text = _text(value).partition("=")
    if not equals or not key:
        raise InvalidInputError(f"metadata {value!r} is not KEY=VALUE: write for example lr=0.01")
    try:
        return key, json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return key, text


def _no_constant(text: str) -> None:
    """Keep `NaN` and `Infinity`, which Python reads and JSON has not, as the text that they are."""
    raise ValueError(text)


def _version(value: str) -> str:
    """Check `vN` or a reference; which artifact `vN` is of, others say."""
    if version_index(value) is None:
        parse_ref(value)
    return value


_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}[wdhms])+\Z")


def _duration(value: str) -> int:
    """Nanoseconds; 0 for `none`."""
    if value == "none":
        return 0
    seconds = 0
    if _DURATION.match(value):
        seconds = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"([0-9]+)(.)", value))
    if not 0 < seconds < 2**63 // 10**9:
        raise InvalidInputError(f"duration {value!r} is not allowed: write for example 30d, 12h or 1d12h, or none")
    return seconds * 10**9


TEXT = _Parsed("text", _text)
NAME: click.ParamType[ArtifactName] = _Named("name", parse_artifact_name)
TYPE = _Parsed("type", parse_artifact_type)
ALIAS = _Parsed("alias", parse_alias)
TAG = _Parsed("tag", parse_tag)
REF = _Named("ref", parse_ref)
VERSION: click.ParamType[str] = _Named("version", _version)
DRAFT: click.ParamType[str] = _Parsed("draft", parse_artifact_name)
PATH_REF = _Named("ref/path", parse_path_ref)
METADATA = _Parsed("key=value", _metadata)
DURATION = _Parsed("duration", _duration)


def metadata_of(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Collect `--meta` options.

    Raises:
        InvalidInputError: A key is given twice.
    """
    metadata: dict[str, Any] = {}
    for key, value in pairs:
        if key in metadata:
            raise InvalidInputError(f"metadata key {key!r} is given twice: give it once")
        metadata[key] = value
    return metadata
