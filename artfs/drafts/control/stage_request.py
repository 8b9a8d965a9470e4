"""Requests and replies of the control files `stage`, `discard` and `undelete` of a staging mount."""

from __future__ import annotations

import msgspec

from artfs.drafts.control.commit_request import Token, decode_control
from artfs.errors import ArtfsError, InvalidInputError, StorageError
from artfs.names import VersionRef, parse_artifact_name, parse_draft_name, parse_ref, version_index

__all__ = [
    "DiscardRequest",
    "StageReply",
    "StageRequest",
    "UndeleteRequest",
    "error_reply",
    "parse_discard",
    "parse_stage",
    "parse_undelete",
]


class StageRequest(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"as_name": "as", "from_ref": "from"},
):
    """Request to open a draft.

    Attributes:
        artifact: The artifact that a commit makes a version of.
        as_name: The draft's directory, in JSON `as`; empty: the artifact's name without its project.
        from_ref: The version to show, in JSON `from`: a REF, or `vN` of the artifact; empty: the latest, if there is
            one.
        empty: Show nothing.
        token: Comes back in the reply.
    """

    artifact: str
    as_name: str = ""
    from_ref: str = ""
    empty: bool = False
    token: Token = ""

    @property
    def draft_name(self) -> str:
        """The draft's directory."""
        return self.as_name or self.artifact.rpartition("/")[2]

    def version_ref(self) -> VersionRef | None:
        """The version that `from_ref` names, if it names one.

        Raises:
            InvalidInputError: It is no REF.
        """
        index = version_index(self.from_ref)
        if index is not None:
            return VersionRef(parse_artifact_name(self.artifact), index)
        return parse_ref(self.from_ref) if self.from_ref else None


class DiscardRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Request to close a draft.

    Attributes:
        name: Its directory in the staging mount.
        force: Close it even if it has changes that are in no version.
        now: Remove it at once; else one with such changes can be brought back until gc.
        token: Comes back in the reply.
    """

    name: str
    force: bool = False
    now: bool = False
    token: Token = ""


class UndeleteRequest(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"as_name": "as"}
):
    """Request to open a discarded draft again.

    Attributes:
        number: That it had.
        as_name: The draft's directory, in JSON `as`.
        token: Comes back in the reply.
    """

    number: int
    as_name: str
    token: Token = ""


class StageReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """Reply to the last request: what reading the control file gives.

    Attributes:
        token: As in the request.
        name: The draft's directory.
        base: The version that it shows; empty: none.
        kept: Number by which a discarded draft can be brought back; 0: it cannot.
        error: The class of `artfs.errors`, if the request failed.
        message: Of that error.
    """

    token: str = ""
    name: str = ""
    base: str = ""
    kept: int = 0
    error: str = ""
    message: str = ""


def error_reply(token: str, error: ArtfsError | OSError) -> StageReply:
    """The reply to a request that failed.

    Args:
        token: Of the request; empty if it could not be read.
        error: The failure.
    """
    failure = error if isinstance(error, ArtfsError) else StorageError.of(error, "serving the draft")
    return StageReply(token, error=type(failure).__name__, message=str(failure))


def parse_stage(text: bytes) -> StageRequest:
    """Parse a write to the control file `stage`.

    Raises:
        InvalidInputError: It cannot be understood, or has a value that is not allowed.
    """
    request = decode_control(text, StageRequest, "stage")
    parse_artifact_name(request.artifact)
    if request.as_name:
        parse_draft_name(request.as_name)
    if request.from_ref:
        if request.empty:
            raise InvalidInputError("a draft that is to be empty is made from no version: leave one of the two out")
        request.version_ref()
    return request


def parse_discard(text: bytes) -> DiscardRequest:
    """Parse a write to the control file `discard`.

    Raises:
        InvalidInputError: It cannot be understood, or has a value that is not allowed.
    """
    request = decode_control(text, DiscardRequest, "discard")
    parse_draft_name(request.name)
    return request


def parse_undelete(text: bytes) -> UndeleteRequest:
    """Parse a write to the control file `undelete`.

    Raises:
        InvalidInputError: It cannot be understood, or has a value that is not allowed.
    """
    request = decode_control(text, UndeleteRequest, "undelete")
    parse_draft_name(request.as_name)
    return request
