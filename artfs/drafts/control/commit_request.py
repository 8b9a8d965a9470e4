"""Requests and replies of a draft's control files `commit`, `meta` and `result`.

A commit is requested in one write: the plain text of a message, or a JSON object with the fields of `CommitRequest`.
The fields of `meta` apply to every commit of the draft; those of a request have priority, and lists are united.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec.structs import asdict, replace

from artfs.catalog import Actor, NewVersion, actor_of, current_actor, encode_metadata
from artfs.errors import ConflictError, InvalidInputError
from artfs.format.msgpack import DECODE_ERRORS
from artfs.names import parse_alias, parse_artifact_type, parse_tag, printable
from artfs.store.tree.merge_choices import MergeChoices

__all__ = [
    "MAX_REQUEST",
    "MAX_WAIT",
    "NO_CHECKPOINT",
    "CommitRequest",
    "CommitResult",
    "Meta",
    "Token",
    "decode_control",
    "encode_meta",
    "is_done_without_changes",
    "new_version",
    "parse_meta",
    "parse_request",
    "with_requester",
]

MAX_REQUEST: Final = 1 << 16
"""In bytes, of one write into a control file."""
MAX_WAIT: Final = 3600.0
NO_CHECKPOINT: Final = "not checkpointed: "
"""Begins the line of the control file `status` that says why the rows on the disk are not those of now."""
_DEFAULT_WAIT: Final = 5.0
_SECOND: Final = 1_000_000_000
_MAX_TTL: Final = ((1 << 63) - 1) // _SECOND

T = TypeVar("T")

Token = Annotated[str, msgspec.Meta(max_length=64)]
"""Comes back in the result, by which a client finds the one of its request."""


class CommitBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fields of a commit request that a client may set."""

    message: str = ""
    type: str | None = None
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    ttl_seconds: int | None = None
    if_changed: bool = False
    force: bool = False
    accept_damage: bool = False
    merge: bool = False
    mine: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    replace: bool = False
    logged_by: str = ""
    wait: float = _DEFAULT_WAIT
    token: Token = ""


class CommitRequest(CommitBody, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Request to commit a draft; `parse_request` and `with_requester` make a valid one.

    Attributes:
        message: The version's description; empty: as `meta` has it.
        type: The artifact's type; None: as `meta` has it.
        aliases: For the version.
        tags: For the version.
        metadata: Of the version; a key here goes before the same in `meta`.
        ttl_seconds: Time to live; None: for ever.
        if_changed: Return the latest version if it has the same contents.
        force: Make a version even if nothing was touched.
        accept_damage: Make a version of a draft whose redo log was damaged.
        merge: Put what was changed in the draft onto the newest version, where one came that it does not have.
        mine: Paths to take from the draft where both changed them; as of `MergeChoices`.
        theirs: Paths to take from that version.
        replace: Make a version of the draft's contents alone, also then.
        logged_by: The run that made it, by id or name, in the place of those that wrote into the draft; empty: those.
        wait: Seconds to wait for files that are open for writing.
        token: Comes back in the result; up to 64 characters.
        user: The requester, as the server found out; empty: this process.
        host: The requester's machine.
        pid: The requester's process.
        run: The run of that process, as the server found out; empty: none.
    """

    user: str = ""
    host: str = ""
    pid: int = 0
    run: str = ""

    @property
    def says(self) -> list[str]:
        """What is to be said of the version, in words; empty if that is nothing."""
        said = [f"alias {alias}" for alias in self.aliases]
        said += [f"tag {tag}" for tag in self.tags]
        fields = (
            ("message", self.message),
            ("metadata", self.metadata),
            ("time to live", self.ttl_seconds),
            ("run", self.logged_by),
        )
        return said + [f"the {what}" for what, value in fields if value]

    @property
    def who(self) -> Actor:
        """The requester, for the journal."""
        return Actor(self.user, self.host, self.pid, self.run or None) if self.user else current_actor()


class Meta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields of the control file `meta`, for all versions that are made of the draft.

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
    """One commit in the list of the control file `result`, which has the last one at its end.

    Attributes:
        token: As in the request.
        state: `waiting` for files that are open for writing, `committing`, `committed`, or `failed`.
        percent: Of the bytes and entries that are to be stored.
        ref: The version, once committed; the base where nothing was touched.
        created: Whether that is a new version.
        merged: The version that the draft's changes were merged onto; empty: it has the draft's contents alone.
        runs: Ids of the runs that logged it with this commit.
        error: The class of `artfs.errors`, once failed.
        message: For the client: of the error, the files that the commit waits for, or what is odd about the version.
    """

    token: str
    state: Literal["waiting", "committing", "committed", "failed"]
    percent: int = 0
    ref: str = ""
    created: bool = False
    merged: str = ""
    runs: list[str] = []
    error: str = ""
    message: str = ""


def parse_request(text: bytes) -> CommitRequest:
    """Parse a write to the control file `commit`.

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
    body = decode_control(text, CommitBody, "commit")
    _check(body.type, body.aliases, body.tags, body.metadata)
    if not (math.isfinite(body.wait) and 0 <= body.wait <= MAX_WAIT):
        raise InvalidInputError(f"wait of {body.wait:g} seconds is not allowed: choose from 0 to {MAX_WAIT:g}")
    if body.ttl_seconds is not None and not 0 < body.ttl_seconds <= _MAX_TTL:
        raise InvalidInputError(f"ttl_seconds {body.ttl_seconds} is not allowed: choose from 1 to {_MAX_TTL}")
    if body.merge and body.replace:
        raise InvalidInputError("merge and replace exclude each other: leave one out")
    if (body.mine or body.theirs) and not body.merge:
        raise InvalidInputError("mine and theirs are for a merge: add merge")
    MergeChoices(body.mine, body.theirs)
    return CommitRequest(**asdict(body))


def with_requester(request: CommitRequest, uid: int, pid: int, run: str | None = None) -> CommitRequest:
    """Add the requester to a request.

    Args:
        request: The request.
        uid: User of the requesting process.
        pid: The requesting process.
        run: The run of that process.
    """
    who = actor_of(uid, pid)
    return replace(request, user=who.user, host=who.host, pid=who.pid, run=run or "")


def parse_meta(text: bytes) -> Meta:
    """Parse a write to the control file `meta`; an empty one is an empty object.

    Raises:
        InvalidInputError: It is too long, malformed, or has a value that is not allowed.
    """
    if not text.strip():
        return Meta()
    meta = decode_control(text, Meta, "meta")
    _check(meta.type, meta.aliases, meta.tags, meta.metadata)
    return meta


def is_done_without_changes(request: CommitRequest, ref: str) -> bool:
    """Tell if a commit of a draft without changes is done, with the version that is there.

    Args:
        request: The request.
        ref: The version that the draft shows.

    Returns:
        False if the latest version is to be looked for (`if_changed`), to get the request's aliases.

    Raises:
        ConflictError: The request says something of a version, which would be lost.
    """
    if not request.says or request.if_changed:
        return not request.says
    said = printable(", ".join(request.says))
    raise ConflictError(
        f"nothing was touched since {ref}: no version is made to which this applies: {said}; --force makes one, and "
        f"`artfs alias add {ref}`, `artfs tag add {ref}` and `artfs edit {ref}` change the one that is there"
    )


def encode_meta(meta: Meta) -> bytes:
    """The text that reading the control file `meta` gives."""
    return msgspec.json.format(msgspec.json.encode(meta), indent=2) + b"\n"


def new_version(artifact: str, meta: Meta, request: CommitRequest, runs: Sequence[str] = ()) -> NewVersion:
    """Describe the version that a commit makes.

    Args:
        artifact: The artifact that gets the version.
        meta: Of the draft.
        request: Has priority; lists are united.
        runs: Ids of the runs that log it, that which makes it first.

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
        ttl_ns=None if request.ttl_seconds is None else request.ttl_seconds * _SECOND,
        logged_by=runs[0] if runs else None,
        also_logged_by=runs[1:],
        how="commit" if runs else "api",
    )


def decode_control(text: bytes, kind: type[T], name: str) -> T:
    """Decode the JSON object that was written into a control file.

    Args:
        text: The written bytes.
        kind: The class of the object.
        name: The control file.

    Raises:
        InvalidInputError: It is too long, is no JSON, has an unknown key or a value of another type.
    """
    _check_length(text, name)
    try:
        return msgspec.json.decode(text, type=kind)
    except DECODE_ERRORS as error:
        raise InvalidInputError(f"what was written into {name} cannot be understood: {error}") from None


def _check_length(text: bytes, name: str) -> None:
    if len(text) > MAX_REQUEST:
        raise InvalidInputError(f"{len(text):,} bytes are too many for {name}: at most {MAX_REQUEST:,} are allowed")


def _check(kind: str | None, aliases: tuple[str, ...], tags: tuple[str, ...], metadata: dict[str, Any]) -> None:
    """Refuse values now that the catalog would refuse after all the work."""
    if kind is not None:
        parse_artifact_type(kind)
    for alias in aliases:
        parse_alias(alias)
    for tag in tags:
        parse_tag(tag)
    encode_metadata(metadata)
