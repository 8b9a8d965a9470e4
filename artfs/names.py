"""Names that users write, parsed once at the edge into values that cannot be wrong.

The rules are the table of the user documentation: artifact names and types are words of letters, digits, `_`, `.` and
`-`, and a name may have a project, another such word, before it and a slash; an alias
is any printable text without `/` and `:`; `vN` is always a version index; entry paths are relative, `/`-separated
bytes without empty, `.` or `..` parts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, NewType

from artfs.errors import InvalidInputError, NotFoundError

__all__ = [
    "DEFAULT_TYPE",
    "LATEST",
    "MAX_NAME_BYTES",
    "MAX_PATH_BYTES",
    "RESERVED_NAME",
    "Alias",
    "ArtifactName",
    "ArtifactPattern",
    "ArtifactType",
    "EntryPath",
    "PathRef",
    "Project",
    "RunId",
    "Tag",
    "VersionRange",
    "VersionRef",
    "are_entry_names",
    "in_project",
    "is_entry_name",
    "is_run_id",
    "is_version_like",
    "parse_alias",
    "parse_artifact_name",
    "parse_artifact_type",
    "parse_distributed_id",
    "parse_draft_name",
    "parse_entry_path",
    "parse_path_ref",
    "parse_project",
    "parse_ref",
    "parse_ref_or_range",
    "parse_run_id",
    "parse_selection",
    "parse_store_path",
    "parse_tag",
    "parse_wanted_name",
    "printable",
    "project_of",
    "quoted",
    "validate_entry_name",
    "version_index",
]

ArtifactName = NewType("ArtifactName", str)
"""`NAME`, or `PROJECT/NAME` of an artifact that is in a project."""
Project = NewType("Project", str)
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
"""Reserved at the top of an artifact: the control directory of drafts has this name."""
MAX_PATH_BYTES = 4096

_NO_NAMES = frozenset({b"", b".", b".."})
_WORD = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,127}\Z")
_VERSION = re.compile(r"v(0|[1-9][0-9]{0,17})\Z")
_VERSION_LIKE = re.compile(r"v[0-9]+\Z")
_VERSION_RANGE = re.compile(r"(v[0-9]+)-(v[0-9]+)\Z")
_TAG = re.compile(r"[\w-]+( [\w-]+)*\Z")
_WILDCARDS = frozenset("*?[")
_RUN_ID = re.compile(r"[a-z0-9]{8}\Z")


def printable(text: str | bytes) -> str:
    """Return a name on one line of a terminal, with unprintable characters escaped.

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
    """Return a name on one line in quotes, as messages show it."""
    return f"'{printable(text)}'"


def parse_artifact_name(text: str) -> ArtifactName:
    """Check an artifact's name: `NAME`, or `PROJECT/NAME`.

    Raises:
        InvalidInputError: The name breaks the rule.
    """
    project, _slash, name = text.partition("/")
    if project and name and "/" not in name:
        return ArtifactName(f"{parse_project(project)}/{_word(name, 'artifact name')}")
    return ArtifactName(_word(text, "artifact name"))


def parse_wanted_name(text: str, project: str | None = None) -> ArtifactName:
    """Parse an artifact's name as a user gives it, as the one of `parse_ref`.

    Raises:
        InvalidInputError: The name breaks the rule.
    """
    return parse_artifact_name(in_project(text, project))


def parse_draft_name(text: str) -> str:
    """Check the name of a draft, which is that of a directory.

    Raises:
        InvalidInputError: The name breaks the rule.
    """
    return _word(text, "draft name")


def parse_project(text: str) -> Project:
    """Check a project's name.

    Raises:
        InvalidInputError: The name breaks the rule.
    """
    return Project(_word(text, "project name"))


def project_of(name: str) -> str | None:
    """Return the project that an artifact's name has before its slash; None: it is in no project."""
    project, slash, _name = name.partition("/")
    return project if slash else None


def in_project(name: str, project: str | None) -> str:
    """Return a name as a user gives it, with the project that it means.

    Args:
        name: `[[ENTITY/]PROJECT/]NAME`, with anything after a colon. The entity is dropped: a store is one. A slash
            before it says that it is in no project.
        project: That of a name without one; None: no project.
    """
    before, colon, selector = str.__str__(name).partition(":")  # of an enumeration the text, not how it is shown
    parts = before.split("/")
    if len(parts) == 2 and not parts[0]:
        before = parts[1]
    elif len(parts) == 3:
        before = f"{parts[1]}/{parts[2]}"
    elif len(parts) == 1 and project is not None:
        before = f"{project}/{before}"
    return f"{before}{colon}{selector}"


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
    return str.__str__(text)  # of a subclass, as numpy's, the plain text: encoders take no other


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


def parse_store_path(store: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a store's directory, without symlinks: below it none is followed.

    Raises:
        InvalidInputError: It is a URL, which would be made a directory of that name.
    """
    text = os.fspath(store)
    if _URL.match(text):  # one slash: a `Path` of a URL has no more
        raise InvalidInputError(
            f"the store {quoted(text)} is a URL, and a store is a local directory: name one "
            "(`./` before it means a directory of such a name)"
        )
    return Path(os.path.realpath(text))


def parse_alias(text: str) -> Alias:
    """Check an alias (`latest` is well formed; the catalog forbids that users move it).

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
    if is_version_like(text):
        raise InvalidInputError(
            f"alias {text!r} is not allowed: v and a number always means a version, choose another name"
        )
    return Alias(str.__str__(text))


def parse_tag(text: str) -> Tag:
    """Check a tag.

    Raises:
        InvalidInputError: The tag breaks the rule.
    """
    if not _TAG.match(text):
        raise InvalidInputError(
            f"tag {text!r} is not allowed: use words of letters, digits, '_' and '-' with single spaces"
        )
    return Tag(str.__str__(text))


def parse_run_id(text: str) -> RunId:
    """Check a run's id.

    Raises:
        InvalidInputError: The id breaks the rule.
    """
    if not is_run_id(text):
        raise InvalidInputError(f"run id {text!r} is not allowed: use 8 of the characters a-z 0-9")
    return RunId(str.__str__(text))


def is_run_id(text: str) -> bool:
    """True for what can be a run's id."""
    return _RUN_ID.match(text) is not None


def parse_distributed_id(text: str) -> str:
    """Check a distributed id: the name by which several processes make one version together.

    Raises:
        InvalidInputError: It breaks the rule.
    """
    if not text or not text.isprintable() or len(text.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise InvalidInputError(f"distributed id {text!r} is not allowed: use printable text of at most 255 bytes")
    return str.__str__(text)


def is_version_like(text: str) -> bool:
    """True for `v` and digits, which never are an alias."""
    return _VERSION_LIKE.match(text) is not None


def version_index(text: str) -> int | None:
    """Return the index in `vN`, or None when `text` is not of that form.

    Raises:
        InvalidInputError: `v` and digits, with leading zeros or out of range.
    """
    match = _VERSION.match(text)
    if match:
        return int(match[1])
    if is_version_like(text):
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


def parse_ref(text: str, project: str | None = None) -> VersionRef:
    """Parse `[[ENTITY/]PROJECT/]NAME`, alone or with `:vN` or `:ALIAS`; the bare name means `latest`.

    Args:
        text: The reference.
        project: That of a name without one; None: no project.

    Raises:
        InvalidInputError: Not of that form.
    """
    name, colon, selector = in_project(text, project).partition(":")
    artifact = parse_artifact_name(name)
    if not colon:
        return VersionRef(artifact)
    index = version_index(selector)
    return VersionRef(artifact, parse_alias(selector) if index is None else index)


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Versions of one artifact from one index to another, as a user names them.

    Attributes:
        name: The artifact.
        first: The lowest index.
        last: The highest index.
    """

    name: ArtifactName
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.name}:v{self.first}-v{self.last}"


def parse_ref_or_range(text: str, project: str | None = None) -> VersionRef | VersionRange:
    """Parse a reference, or `NAME:vN-vM`; `project` is as for `parse_ref`.

    Raises:
        InvalidInputError: Not of that form, or a range that ends before it begins.
    """
    name, _colon, selector = text.partition(":")
    match = _VERSION_RANGE.match(selector)
    if match is None:
        return parse_ref(text, project)
    name = in_project(name, project)
    first, last = version_index(match[1]), version_index(match[2])
    if first is None or last is None or last < first:
        raise InvalidInputError(f"{quoted(text)} ends before it begins: write the lower version first, as v0-v7")
    return VersionRange(parse_artifact_name(name), first, last)


@dataclass(frozen=True, slots=True)
class ArtifactPattern:
    """Whole artifacts, as a user names them: a name, or a pattern with `*`, `?` or `[...]`."""

    pattern: str

    def __str__(self) -> str:
        return self.pattern

    def choose(self, names: Iterable[str]) -> list[ArtifactName]:
        """Return the name itself, or those of the names that the pattern fits.

        Raises:
            NotFoundError: It fits none.
        """
        if _WILDCARDS.isdisjoint(self.pattern):
            return [ArtifactName(self.pattern)]
        depth = self.pattern.count("/")
        found = [ArtifactName(name) for name in names if name.count("/") == depth and fnmatchcase(name, self.pattern)]
        if not found:
            raise NotFoundError(f"no artifact is called like {quoted(self.pattern)}: `artfs ls` shows which there are")
        return found


def parse_selection(text: str, project: str | None = None) -> VersionRef | VersionRange | ArtifactPattern:
    """Parse `NAME:vN`, `NAME:ALIAS`, `NAME:vN-vM`, or an artifact's name or a pattern of names.

    A pattern without a slash fits names of no project, or of `project`.

    Raises:
        InvalidInputError: Not of that form, or a range that ends before it begins.
    """
    if ":" in text:
        return parse_ref_or_range(text, project)
    text = in_project(text, project)
    if _WILDCARDS.isdisjoint(text):
        parse_artifact_name(text)
    return ArtifactPattern(text)


class PathRef(NamedTuple):
    """`REF/PATH` as a user wrote it; `View.locate` says where the reference ends and the path begins.

    Attributes:
        ref: What is before the first slash, read as a reference of no project.
        path: What is behind it.
        first_is_bare: There is no colon before the first slash: it may be a project or an entity.
        project: That of a name without one; None: no project.
    """

    ref: VersionRef
    path: EntryPath = ()
    first_is_bare: bool = False
    project: str | None = None


def parse_path_ref(text: str, project: str | None = None) -> PathRef:
    """Parse `REF/PATH`, or `REF` alone for the version's root; `project` is as for `parse_ref`.

    Raises:
        InvalidInputError: The reference or the path is malformed.
    """
    if project is not None and text.startswith("/"):  # else it is a path of the file system, and is refused
        text, project = text[1:], None
    ref, _slash, path = text.partition("/")
    parts = parse_entry_path(path.strip("/")) if path.strip("/") else ()
    return PathRef(parse_ref(ref), parts, ":" not in ref, project)


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
    """True if `is_entry_name` is true for all names; for a few hundred, ten times as quick."""
    joined = b"/".join(names)
    return (
        joined.count(b"/") == max(len(names) - 1, 0)
        and b"\0" not in joined
        and _NO_NAMES.isdisjoint(names)
        and max(map(len, names), default=0) <= MAX_NAME_BYTES
    )


def is_entry_name(name: bytes) -> bool:
    """True if a file system could have an entry of this name."""
    return len(name) <= MAX_NAME_BYTES and b"/" not in name and b"\0" not in name and name not in _NO_NAMES
