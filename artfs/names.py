"""The names users write, parsed once at the edge into values that cannot be wrong.

The rules are the table of the user documentation: artifact names and types are words of letters, digits, `_`, `.` and
`-`; an alias is any printable text without `/` and `:`; `vN` is always a version index; entry paths are relative,
`/`-separated bytes without empty, `.` or `..` parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

from artfs.errors import InvalidInputError

__all__ = [
    "DEFAULT_TYPE",
    "LATEST",
    "MAX_NAME_BYTES",
    "MAX_PATH_BYTES",
    "RESERVED_NAME",
    "Alias",
    "ArtifactName",
    "ArtifactType",
    "EntryPath",
    "RunId",
    "Tag",
    "VersionRef",
    "are_entry_names",
    "is_entry_name",
    "parse_alias",
    "parse_artifact_name",
    "parse_artifact_type",
    "parse_distributed_id",
    "parse_entry_path",
    "parse_path_ref",
    "parse_ref",
    "parse_run_id",
    "parse_tag",
    "printable",
    "quoted",
    "validate_entry_name",
    "version_index",
]

ArtifactName = NewType("ArtifactName", str)
ArtifactType = NewType("ArtifactType", str)
Alias = NewType("Alias", str)
Tag = NewType("Tag", str)
RunId = NewType("RunId", str)
EntryPath = tuple[bytes, ...]
"""The parts of a path inside a version; `()` is the version's root."""

DEFAULT_TYPE = ArtifactType("dataset")
LATEST = Alias("latest")
MAX_NAME_BYTES = 255
RESERVED_NAME = b".artfs"
"""At the top of an artifact: drafts have their control directory there."""
MAX_PATH_BYTES = 4096

_NO_NAMES = frozenset({b"", b".", b".."})
_WORD = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,127}\Z")
_VERSION = re.compile(r"v(0|[1-9][0-9]{0,17})\Z")
_VERSION_LIKE = re.compile(r"v[0-9]+\Z")
_TAG = re.compile(r"[\w-]+( [\w-]+)*\Z")
_RUN_ID = re.compile(r"[a-z0-9]{8}\Z")


def printable(text: str | bytes) -> str:
    """Show a name on one line of a terminal: what cannot be printed is escaped.

    Args:
        text: A name as text, or as the bytes of a file name.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    if text.isprintable():
        return text
    return "".join(
        c
        if c.isprintable()
        else c.encode("utf-8", "surrogateescape").decode("latin-1").encode("unicode_escape").decode()
        for c in text
    )


def quoted(text: str | bytes) -> str:
    """Show a name on one line within quotes, as messages have it."""
    return f"'{printable(text)}'"


def parse_artifact_name(text: str) -> ArtifactName:
    """Check an artifact's name.

    Raises:
        InvalidInputError: The name breaks the rule.
    """
    return ArtifactName(_word(text, "artifact name"))


def parse_artifact_type(text: str) -> ArtifactType:
    """Check an artifact's type (`dataset`, `model` ...).

    Raises:
        InvalidInputError: The type breaks the rule.
    """
    return ArtifactType(_word(text, "artifact type"))


def _word(text: str, what: str) -> str:
    if not _WORD.match(text) or text in (".", ".."):
        raise InvalidInputError(
            f"{what} {text!r} is not allowed: use 1 to 128 of the characters A-Z a-z 0-9 _ . - "
            "(not first a '-', not '.' or '..')"
        )
    return text


def parse_alias(text: str) -> Alias:
    """Check an alias (`latest` is well formed here; that the store alone moves it is the catalog's rule).

    Raises:
        InvalidInputError: The alias breaks the rule.
    """
    if (
        not text
        or not text.isprintable()
        or "/" in text
        or ":" in text
        or text in (".", "..")
        or len(text.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES
    ):
        raise InvalidInputError(
            f"alias {text!r} is not allowed: use printable text without '/' and ':', at most 255 bytes, not '.' or '..'"
        )
    if _VERSION_LIKE.match(text):
        raise InvalidInputError(f"alias {text!r} is not allowed: v and a number always means a version")
    return Alias(text)


def parse_tag(text: str) -> Tag:
    """Check a tag.

    Raises:
        InvalidInputError: The tag breaks the rule.
    """
    if not _TAG.match(text):
        raise InvalidInputError(
            f"tag {text!r} is not allowed: use words of letters, digits, '_' and '-' with single spaces"
        )
    return Tag(text)


def parse_run_id(text: str) -> RunId:
    """Check a run's id.

    Raises:
        InvalidInputError: The id breaks the rule.
    """
    if not _RUN_ID.match(text):
        raise InvalidInputError(f"run id {text!r} is not allowed: use 8 of the characters a-z 0-9")
    return RunId(text)


def parse_distributed_id(text: str) -> str:
    """Check what several processes call the version that they make together.

    Raises:
        InvalidInputError: It breaks the rule.
    """
    if not text or not text.isprintable() or len(text.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise InvalidInputError(f"distributed id {text!r} is not allowed: use printable text of at most 255 bytes")
    return text


def version_index(text: str) -> int | None:
    """Give the index in `vN`, or None when `text` is not of that form.

    Raises:
        InvalidInputError: `v` and digits, with leading zeros or out of range.
    """
    match = _VERSION.match(text)
    if match:
        return int(match[1])
    if _VERSION_LIKE.match(text):
        raise InvalidInputError(f"version {text!r} is not allowed: write v and a number without leading zeros")
    return None


@dataclass(frozen=True, slots=True)
class VersionRef:
    """One version of one artifact, as a user names it.

    Attributes:
        name: The artifact.
        selector: A version index, or the alias to resolve.
    """

    name: ArtifactName
    selector: int | Alias = LATEST

    def __str__(self) -> str:
        selector = f"v{self.selector}" if isinstance(self.selector, int) else self.selector
        return f"{self.name}:{selector}"


def parse_ref(text: str) -> VersionRef:
    """Parse `NAME`, `NAME:vN` or `NAME:ALIAS`; the bare name means `latest`.

    Raises:
        InvalidInputError: Not of that form.
    """
    name, colon, selector = text.partition(":")
    artifact = parse_artifact_name(name)
    if not colon:
        return VersionRef(artifact)
    index = version_index(selector)
    return VersionRef(artifact, parse_alias(selector) if index is None else index)


def parse_path_ref(text: str) -> tuple[VersionRef, EntryPath]:
    """Parse `REF/PATH`, or `REF` alone for the version's root.

    Raises:
        InvalidInputError: The reference or the path is malformed.
    """
    ref, _slash, path = text.partition("/")
    return parse_ref(ref), parse_entry_path(path.strip("/")) if path.strip("/") else ()


def parse_entry_path(path: str | bytes) -> EntryPath:
    """Split the path of an entry into its validated parts.

    Args:
        path: Relative and `/`-separated; text is encoded as file names are (UTF-8, surrogates for other bytes).

    Raises:
        InvalidInputError: Empty, absolute, too long, or a part that is not allowed.
    """
    try:
        raw = path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path
    except UnicodeEncodeError:
        raise InvalidInputError(f"path {path!r} is not allowed: it is not Unicode") from None
    if len(raw) > MAX_PATH_BYTES:
        raise InvalidInputError(f"path of {len(raw)} bytes is too long: at most {MAX_PATH_BYTES} are allowed")
    parts = tuple(raw.split(b"/"))
    for part in parts:
        validate_entry_name(part)
    if parts[0] == RESERVED_NAME:
        raise InvalidInputError("path '.artfs' is reserved at the top of an artifact: choose another name")
    return parts


def validate_entry_name(name: bytes) -> None:
    """Refuse a directory entry's name that no file system could have.

    Raises:
        InvalidInputError: Empty, `.`, `..`, over 255 bytes, or with `/` or NUL.
    """
    if not is_entry_name(name):
        raise InvalidInputError(
            f"entry name {quoted(name)} is not allowed: 1 to 255 bytes, no '/', no NUL, not '.' or '..'"
        )


def are_entry_names(names: Sequence[bytes]) -> bool:
    """Whether `is_entry_name` holds for all of them; of a few hundred, ten times as quick."""
    joined = b"/".join(names)
    return (
        joined.count(b"/") == max(len(names) - 1, 0)
        and b"\0" not in joined
        and _NO_NAMES.isdisjoint(names)
        and max(map(len, names), default=0) <= MAX_NAME_BYTES
    )


def is_entry_name(name: bytes) -> bool:
    """Whether a file system could have an entry of this name."""
    return len(name) <= MAX_NAME_BYTES and b"/" not in name and b"\0" not in name and name not in _NO_NAMES
