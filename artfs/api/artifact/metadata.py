"""The metadata of an artifact: name, type, description, tags, aliases, time to live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from artfs.api.json_objects import JsonObject
from artfs.catalog import MAX_METADATA_KEYS, encode_metadata, json_object
from artfs.errors import ArtifactNotLoggedError, InvalidInputError
from artfs.names import LATEST, ArtifactName, parse_alias, parse_artifact_type, parse_wanted_name
from artfs.names import parse_tag as _parse_tag

__all__ = ["ArtifactMetadata", "aliases_of", "tags_of", "ttl_ns_of"]

_MICROSECOND_NS = 1000
_LONGEST_NS = (1 << 63) - 1


class ArtifactMetadata:
    """The part of `Artifact` that describes it, and that `save` pushes.

    Args:
        name: Of the artifact, without version.
        type: Of the artifact.
        description: Free text.
        metadata: A JSON object; copied.
    """

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002 - the name that W&B's users write
        description: str | None,
        metadata: Mapping[str, Any] | None,
    ) -> None:
        self._full_name = parse_wanted_name(name)
        self._project_open = "/" not in name
        self._type: str = parse_artifact_type(type)
        self._description = _text(description)
        self._metadata = _kept(metadata)
        self._tags: list[str] = []
        self._ttl_ns: int | None = None
        self._ttl_set = False

    @property
    def full_name(self) -> ArtifactName:
        """The name that it has, or would have, in the catalog: with its project, without version."""
        return self._full_name

    @property
    def base_name(self) -> str:
        """The name without project and version."""
        return self._full_name.rpartition("/")[2]

    def put_in_project(self, project: str | None) -> None:
        """Have a name that was given without a project in one; a name that says its project keeps it.

        Args:
            project: The project; None: none.
        """
        if self._project_open:
            self._full_name = parse_wanted_name(self.base_name, project)

    @property
    def type(self) -> str:
        """The artifact's type, as `dataset` or `model`."""
        return self._type

    @property
    def description(self) -> str | None:
        """Free text; of a logged artifact `save` pushes a change."""
        return self._description or None

    @description.setter
    def description(self, text: str | None) -> None:
        self._description = _text(text)

    @property
    def metadata(self) -> dict[str, Any]:
        """A JSON object, which may be edited in place; of a logged artifact `save` pushes the changes.

        What is assigned in it, or as it, is replaced by what is kept of it. That raises TypeError for a value of a type
        that cannot be kept, and InvalidInputError for one that is not allowed.
        """
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: Mapping[str, Any] | None) -> None:
        self._metadata = _kept(metadata)

    @property
    def tags(self) -> list[str]:
        """Tags, which may be edited in place; of a logged artifact `save` pushes the changes."""
        return self._tags

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._tags = tags_of(tags)

    @property
    def ttl(self) -> timedelta | None:
        """The time that the version lives from its creation; None: for ever.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged, and none was set.
        """
        if not self._ttl_set:
            raise ArtifactNotLoggedError(f"artifact {self.base_name} has no ttl yet: set it, or log it first")
        return None if self._ttl_ns is None else timedelta(microseconds=self._ttl_ns // _MICROSECOND_NS)

    @ttl.setter
    def ttl(self, ttl: timedelta | None) -> None:
        self._ttl_ns = ttl_ns_of(ttl)
        self._ttl_set = True


def tags_of(tags: Sequence[str] | str | None) -> list[str]:
    """Check tags; return each once.

    Raises:
        InvalidInputError: One of them breaks the rule.
    """
    return list(dict.fromkeys(_parse_tag(tag) for tag in _listed(tags, "tags")))


def aliases_of(aliases: Sequence[str] | str | None) -> list[str]:
    """Check aliases; return each once, without `latest`, which the store moves by itself.

    Raises:
        InvalidInputError: One of them breaks the rule.
    """
    return [alias for alias in dict.fromkeys(map(parse_alias, _listed(aliases, "aliases"))) if alias != LATEST]


def ttl_ns_of(ttl: timedelta | None) -> int | None:
    """Check a time to live; return nanoseconds.

    Raises:
        TypeError: It is no timedelta.
        InvalidInputError: It is not positive, or longer than the store can express.
    """
    if ttl is None:
        return None
    if not isinstance(ttl, timedelta):
        raise TypeError(f"ttl must be a timedelta or None, not {type(ttl).__name__}")
    if ttl <= timedelta(0):
        raise InvalidInputError("ttl must be positive: give a longer timedelta, or None for ever")
    nanoseconds = ttl // timedelta(microseconds=1) * _MICROSECOND_NS
    if nanoseconds > _LONGEST_NS:
        raise InvalidInputError("ttl must be at most 292 years: give a shorter timedelta, or None for ever")
    return nanoseconds


def _listed(words: Sequence[str] | str | None, what: str) -> list[str]:
    listed = [words] if isinstance(words, str) else list(words or ())
    for word in listed:
        if not isinstance(word, str):
            raise TypeError(f"{what} must be text, not {type(word).__name__}")
    return listed


def _text(text: str | None) -> str:
    if text is not None and not isinstance(text, str):
        raise TypeError(f"description must be text, not {type(text).__name__}")
    return str.__str__(text or "")


def _kept(metadata: Mapping[str, Any] | None) -> JsonObject:
    values = {} if metadata is None else json_object(encode_metadata(metadata))
    return JsonObject(values, "metadata", max_keys=MAX_METADATA_KEYS)
