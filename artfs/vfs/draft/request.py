"""What is written into a draft's control files `commit` and `meta`, and what `result` says.

A commit is asked for in one write: the bare text of a message, or a JSON object with the fields of `CommitRequest`.
What `meta` has applies to every commit of the draft; a request goes before it, and lists are united.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec.structs import asdict, replace

from artfs.catalog import Actor, NewVersion, actor_of, current_actor, encode_metadata
from artfs.errors import InvalidInputError
from artfs.format.malformed import MALFORMED
from artfs.names import parse_alias, parse_artifact_type, parse_tag

__all__ = [
    "MAX_REQUEST",
    "MAX_WAIT",
    "CommitRequest",
    "CommitResult",
    "Meta",
    "Token",
    "asked_by",
    "decode_control",
    "encode_meta",
    "new_version",
    "parse_meta",
    "parse_request",
]

MAX_REQUEST: Final = 1 << 16
"""In bytes: what is written into a control file in one piece."""
MAX_WAIT: Final = 3600.0
_DEFAULT_WAIT: Final = 5.0

T = TypeVar("T")

Token = Annotated[str, msgspec.Meta(max_length=64)]
"""By which an asker finds what became of its request; nothing is made of it."""


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the asker may say of a commit."""

    message: str = ""
    type: str | None = None
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    ttl_ns: int | None = None
    if_changed: bool = False
    force: bool = False
    wait: float = _DEFAULT_WAIT
    token: Token = ""


class CommitRequest(_Asked, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A commit that is asked for; `parse_request` and `asked_by` make a valid one.

    Attributes:
        message: The version's description; empty: as `meta` has it.
        type: The artifact's type; None: as `meta` has it.
        aliases: For the version.
        tags: For the version.
        metadata: Of the version; a key here goes before the same in `meta`.
        ttl_ns: Nanoseconds to live; None: for ever.
        if_changed: Give the latest version back when it has the same contents.
        force: Make a version even if nothing was touched.
        wait: Seconds to wait for files that are open for writing.
        token: By which the asker finds its result; up to 64 characters.
        user: Who asks, as the server found out; empty: this process.
        host: On which machine.
        pid: Which process.
        run: Of which run that is, as the server found out; empty: of none.
    """

    user: str = ""
    host: str = ""
    pid: int = 0
    run: str = ""

    @property
    def who(self) -> Actor:
        """Who asks, for the journal."""
        return Actor(self.user, self.host, self.pid, self.run or None) if self.user else current_actor()


class Meta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a draft's control file `meta` says of the versions that are made of it.

    Attributes:
        type: The artifact's type; None: as the artifact has it, `dataset` for a new one.
        description: Of a version whose commit has no message.
        metadata: Of the version.
        aliases: For the version.
        tags: For the version.
    """

    type: str | None = None
    description: str = ""
    metadata: dict[str, Any] = {}
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class CommitResult(msgspec.Struct, frozen=True):
    """One commit in the list that the control file `result` has, the last one last.

    Attributes:
        token: As the request had it.
        state: `waiting` for files that are open for writing, `committing`, `committed`, or `failed`.
        percent: How much is stored.
        ref: The version, once committed; the base where nothing was touched.
        created: Whether that is a new version.
        error: The class of `artfs.errors`, once failed.
        message: What to tell the asker: of the error, or what is waited for.
    """

    token: str
    state: Literal["waiting", "committing", "committed", "failed"]
    percent: int = 0
    ref: str = ""
    created: bool = False
    error: str = ""
    message: str = ""


def parse_request(text: bytes) -> CommitRequest:
    """Read what was written into `commit`.

    Args:
        text: A JSON object if it begins with `{`, else a message.

    Raises:
        InvalidInputError: It is too long, malformed, or has a value that is not allowed.
    """
    if not text.lstrip().startswith(b"{"):
        _check_length(text, "commit")
        try:
            return CommitRequest(message=text.decode().strip())
        except UnicodeDecodeError:
            raise InvalidInputError("a commit's message is text in UTF-8") from None
    asked = decode_control(text, _Asked, "commit")
    _check(asked.type, asked.aliases, asked.tags, asked.metadata)
    if not (math.isfinite(asked.wait) and 0 <= asked.wait <= MAX_WAIT):
        raise InvalidInputError(f"wait of {asked.wait:g} seconds is not allowed: choose from 0 to {MAX_WAIT:g}")
    if asked.ttl_ns is not None and not 0 < asked.ttl_ns < 1 << 63:
        raise InvalidInputError(f"ttl_ns {asked.ttl_ns} is not allowed: it is a positive number of nanoseconds")
    return CommitRequest(**asdict(asked))


def asked_by(request: CommitRequest, uid: int, pid: int, run: str | None = None) -> CommitRequest:
    """Say who asks.

    Args:
        request: What is asked for.
        uid: Whose process asks.
        pid: Which process.
        run: Of which run it is.
    """
    who = actor_of(uid, pid)
    return replace(request, user=who.user, host=who.host, pid=who.pid, run=run or "")


def parse_meta(text: bytes) -> Meta:
    """Read what was written into `meta`; nothing at all is an empty object.

    Raises:
        InvalidInputError: It is too long, malformed, or has a value that is not allowed.
    """
    if not text.strip():
        return Meta()
    meta = decode_control(text, Meta, "meta")
    _check(meta.type, meta.aliases, meta.tags, meta.metadata)
    return meta


def encode_meta(meta: Meta) -> bytes:
    """What reading `meta` gives."""
    return msgspec.json.format(msgspec.json.encode(meta), indent=2) + b"\n"


def new_version(artifact: str, meta: Meta, request: CommitRequest) -> NewVersion:
    """What to publish a commit as.

    Args:
        artifact: Whose version it becomes.
        meta: Of the draft.
        request: Goes before it; lists are united.

    Raises:
        InvalidInputError: Together they have too much metadata.
    """
    return NewVersion(
        name=artifact,
        type=request.type or meta.type,
        aliases=tuple(dict.fromkeys((*meta.aliases, *request.aliases))),
        description=request.message or meta.description,
        metadata=encode_metadata({**meta.metadata, **request.metadata}),
        tags=tuple(dict.fromkeys((*meta.tags, *request.tags))),
        ttl_ns=request.ttl_ns,
        logged_by=request.run or None,
        how="commit" if request.run else "api",
    )


def decode_control(text: bytes, kind: type[T], name: str) -> T:
    """Decode the JSON object that was written into a control file.

    Args:
        text: What was written.
        kind: The class of the object.
        name: The control file.

    Raises:
        InvalidInputError: It is too long, is no JSON, has an unknown key or a value of another type.
    """
    _check_length(text, name)
    try:
        return msgspec.json.decode(text, type=kind)
    except MALFORMED as error:
        raise InvalidInputError(f"what was written into {name} cannot be understood: {error}") from None


def _check_length(text: bytes, name: str) -> None:
    if len(text) > MAX_REQUEST:
        raise InvalidInputError(f"{len(text):,} bytes are too many for {name}: at most {MAX_REQUEST:,} are allowed")


def _check(kind: str | None, aliases: tuple[str, ...], tags: tuple[str, ...], metadata: dict[str, Any]) -> None:
    """Refuse now what the catalog would refuse after all the work."""
    if kind is not None:
        parse_artifact_type(kind)
    for alias in aliases:
        parse_alias(alias)
    for tag in tags:
        parse_tag(tag)
    encode_metadata(metadata)
