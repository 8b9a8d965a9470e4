"""Types of arguments, which parse text into valid values, and the options of a new version.

An `InvalidInputError` of the parsers passes through click as it is: its line says more than click's would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from artfs.cli import candidates
from artfs.cli.mounted_path import ref_of_path
from artfs.cli.settings import Settings
from artfs.cli.wanted_form import wanted_form
from artfs.errors import ArtfsError, InvalidInputError
from artfs.names import (
    ArtifactName,
    ArtifactPattern,
    VersionRange,
    VersionRef,
    in_project,
    parse_alias,
    parse_artifact_type,
    parse_draft_name,
    parse_path_ref,
    parse_ref,
    parse_ref_or_range,
    parse_selection,
    parse_tag,
    parse_wanted_name,
    quoted,
    version_index,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from artfs.cli.candidates import Candidates

__all__ = [
    "ALIAS",
    "DELETED",
    "DRAFT",
    "DURATION",
    "GC_GRACE",
    "GC_GRACE_VARIABLE",
    "JOB_TYPE",
    "METADATA",
    "MOUNTED",
    "MOUNT_POINT",
    "NAME",
    "PATH_REF",
    "REF",
    "REF_OR_FILE",
    "REF_OR_RANGE",
    "RUN",
    "SELECTION",
    "SUBPATH",
    "TAG",
    "TEXT",
    "TOPIC",
    "TYPE",
    "VERSION",
    "metadata_of",
    "version_options",
]

T = TypeVar("T")


class _Parsed(click.ParamType[T]):
    """A type of arguments that a function parses.

    Args:
        name: Its name in the help.
        parse: Raises InvalidInputError for what is not allowed.
        words: What a shell is offered.
    """

    def __init__(self, name: str, parse: Callable[[str], T], words: Candidates | None = None) -> None:
        self.name = name
        self._parse = parse
        self._words = words

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> T:  # noqa: ARG002 - click's signature
        """Parse the text."""
        return self._parse(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """Offer the words that begin like this."""
        return offered(self._words, ctx, incomplete)


def offered(words: Candidates | None, ctx: click.Context, typed: str) -> list[CompletionItem]:
    """Choose the words that begin as what was typed; none if anything fails."""
    from click.shell_completion import CompletionItem

    try:
        found = list(words(ctx, typed)) if words else []
    except (ArtfsError, OSError):
        return []
    return [CompletionItem(word, help=text) for word, text in found if word.startswith(typed)]


class _Named(_Parsed[T]):
    """A type of arguments that begin with an artifact's name, or are paths in a mount.

    Args:
        name: Its name in the help.
        parse: Parses it, with the project of names without one; raises InvalidInputError for what is not allowed.
        words: What a shell is offered.
        inside: A path in a mount that goes into a version means the version.
    """

    def __init__(
        self,
        name: str,
        parse: Callable[[str, str | None], T],
        words: Candidates | None = None,
        *,
        inside: bool = False,
    ) -> None:
        super().__init__(name, lambda text: parse(text, None), words)
        self._parse_in = parse
        self._inside = inside

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Parse the text; for one that names more than is wanted, show the form that works."""
        mounted = None if ctx is None else ref_of_path(value, ctx.ensure_object(Settings))
        if mounted is not None:
            value = _version_of(mounted) if self._inside else mounted
        project = None if ctx is None or mounted is not None else ctx.ensure_object(Settings).project
        try:
            return self._parse_in(value, project)
        except InvalidInputError:
            form = None if param is None or ctx is None else wanted_form(value, param, ctx)
            if form is None:
                raise
        raise InvalidInputError(form)


def _version_of(path_ref: str) -> str:
    """Cut the path off a reference with one; what has a colon is before it, or is nothing but a name."""
    name, colon, rest = path_ref.partition(":")
    return f"{name}{colon}{rest.partition('/')[0]}"


class _MountPoint(click.Path):
    """A directory to mount on or to unmount: `click.Path` looks at it, and a mount there may never answer."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # type: ignore[override] # noqa: ARG002 - click's signature
        """Take it as it is."""
        return value


class _Mounted(_MountPoint):
    """A directory that something is mounted on."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """Offer the directories of artfs mounts."""
        return offered(candidates.mounted_directories, ctx, incomplete)


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
    """Refuse `NaN` and `Infinity`, which Python parses and JSON does not have: they stay text."""
    raise ValueError(text)


def _version(value: str, project: str | None) -> str:
    """Check `vN` or a reference; the caller knows the artifact of a bare `vN`."""
    if version_index(value) is None:
        parse_ref(value, project)
        return in_project(value, project)
    return value


_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}[wdhms])+\Z")


def _duration(value: str) -> int:
    """Parse a duration into nanoseconds; `none` is 0."""
    if value == "none":
        return 0
    seconds = 0
    if _DURATION.match(value):
        seconds = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"([0-9]+)(.)", value))
    if not 0 < seconds < 2**63 // 10**9:
        raise InvalidInputError(f"duration {value!r} is not allowed: write for example 30d, 12h or 1d12h, or none")
    return seconds * 10**9


TEXT = _Parsed("text", _text)
JOB_TYPE = _Parsed("text", _text, candidates.job_types)
RUN = _Parsed("text", _text, candidates.run_ids)
TOPIC: click.ParamType[str] = _Parsed("text", str, candidates.help_topics)
DELETED = _Named("ref", parse_ref, candidates.deleted_versions)
NAME: click.ParamType[ArtifactName] = _Named("name", parse_wanted_name, candidates.refs)
TYPE = _Parsed("type", parse_artifact_type, candidates.artifact_types)
ALIAS = _Parsed("alias", parse_alias, candidates.aliases)
TAG = _Parsed("tag", parse_tag, candidates.tags)
REF = _Named("ref", parse_ref, candidates.refs)
REF_OR_FILE = _Named("ref", parse_ref, candidates.refs, inside=True)
"""A version, also by the path of a file of it in a mount."""
SELECTION: click.ParamType[VersionRef | VersionRange | ArtifactPattern] = _Named(
    "ref", parse_selection, candidates.refs
)
REF_OR_RANGE: click.ParamType[VersionRef | VersionRange] = _Named("ref", parse_ref_or_range, candidates.refs)
VERSION: click.ParamType[str] = _Named("version", _version, candidates.refs)
DRAFT: click.ParamType[str] = _Parsed("draft", parse_draft_name)
SUBPATH: click.ParamType[str] = _Parsed("subpath", str, candidates.subpaths)
PATH_REF = _Named("ref/path", parse_path_ref, candidates.paths)
METADATA = _Parsed("key=value", _metadata)
DURATION = _Parsed("duration", _duration)
GC_GRACE: Final = "24h"
"""How long gc keeps what was deleted, if nothing else is said."""
GC_GRACE_VARIABLE: Final = "ARTFS_GC_GRACE"
"""Environment variable that says so."""
MOUNT_POINT = _MountPoint(file_okay=False)
MOUNTED = _Mounted(file_okay=False)


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


_VERSION_OPTIONS = (
    click.option("-t", "--type", "type_", type=TYPE, help="The artifact's type; `dataset` for a new one."),
    click.option("-a", "--alias", "aliases", multiple=True, type=ALIAS, help="An alias for the version (repeatable)."),
    click.option(
        "-m", "--description", "--message", "description", default="", type=TEXT, help="Describe the version."
    ),
    click.option(
        "--meta",
        multiple=True,
        type=METADATA,
        help="Metadata; the value is JSON if it reads as JSON, else text (repeatable).",
    ),
    click.option("--tag", "tags", multiple=True, type=TAG, help="A tag for the version (repeatable)."),
    click.option("--ttl", type=DURATION, help="How long the version is kept, as 30d or 12h."),
    click.option(
        "--if-changed",
        is_flag=True,
        help="Make no version of contents that the latest has: it gets the aliases, and nothing else that is given.",
    ),
)


def version_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a new version to a command: `type_ aliases description meta tags ttl if_changed`."""
    for option in reversed(_VERSION_OPTIONS):
        function = option(function)
    return function
