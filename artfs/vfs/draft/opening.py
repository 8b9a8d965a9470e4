"""What is written into the control files `stage` and `discard` of a staging mount, and what reading them gives."""

from __future__ import annotations

import msgspec

from artfs.catalog import Version
from artfs.errors import ArtfsError, InvalidInputError, NotFoundError, StorageError
from artfs.names import VersionRef, parse_artifact_name, parse_ref, version_index
from artfs.store import Store
from artfs.vfs.draft.home import DraftPlace, DraftsHome
from artfs.vfs.draft.request import Token, decode_control

__all__ = ["DiscardRequest", "Reply", "StageRequest", "failed", "open_draft", "parse_discard", "parse_stage"]


class StageRequest(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"as_name": "as", "from_ref": "from"},
):
    """A draft that is to be opened.

    Attributes:
        artifact: What a commit makes a version of.
        as_name: The draft's directory, in JSON `as`; empty: the artifact's name.
        from_ref: The version to show, in JSON `from`: a REF, or `vN` of the artifact; empty: the latest, if there is
            one.
        empty: Show nothing.
        token: By which the asker finds the reply.
    """

    artifact: str
    as_name: str = ""
    from_ref: str = ""
    empty: bool = False
    token: Token = ""


class DiscardRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A draft that is to be closed.

    Attributes:
        name: Its directory in the staging mount.
        force: Even if it has changes that are in no version.
        token: By which the asker finds the reply.
    """

    name: str
    force: bool = False
    token: Token = ""


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of the last request, as reading the control file gives it.

    Attributes:
        token: As the request had it.
        name: The draft's directory.
        base: The version that it shows; empty: none.
        error: The class of `artfs.errors`, if it failed.
        message: What to tell the asker then.
    """

    token: str = ""
    name: str = ""
    base: str = ""
    error: str = ""
    message: str = ""


def failed(token: str, error: ArtfsError | OSError) -> Reply:
    """The reply to a request that failed.

    Args:
        token: Of the request; empty if it could not be read.
        error: Why.
    """
    told = error if isinstance(error, ArtfsError) else StorageError.of(error, "serving the draft")
    return Reply(token, error=type(told).__name__, message=str(told))


def parse_stage(text: bytes) -> StageRequest:
    """Read what was written into `stage`.

    Raises:
        InvalidInputError: It cannot be understood, or has a value that is not allowed.
    """
    request = decode_control(text, StageRequest, "stage")
    parse_artifact_name(request.artifact)
    if request.as_name:
        parse_artifact_name(request.as_name)
    if request.from_ref:
        if request.empty:
            raise InvalidInputError("a draft that is to be empty is made from no version: leave one of the two out")
        _ref(request)
    return request


def parse_discard(text: bytes) -> DiscardRequest:
    """Read what was written into `discard`.

    Raises:
        InvalidInputError: It cannot be understood, or has a value that is not allowed.
    """
    request = decode_control(text, DiscardRequest, "discard")
    parse_artifact_name(request.name)
    return request


def open_draft(home: DraftsHome, store: Store, request: StageRequest, owner: tuple[int, int]) -> tuple[DraftPlace, str]:
    """Open a draft over the version that a request names.

    Args:
        home: Of the store's drafts.
        store: Open in this process.
        request: As `parse_stage` gives it.
        owner: User and group that the draft and what it shows are to belong to.

    Returns:
        The draft, and the version that it shows; empty: none.

    Raises:
        NotFoundError: There is no such version.
        ConflictError: A draft of that name is open.
        StorageError: The system refused; nothing was made.
    """
    version, base = _base(store, request)
    name = request.as_name or request.artifact
    place = home.create(name, request.artifact, version, base, b"", owner)
    if version is not None and _is_removed(store, version):  # before the draft was there for gc to see
        home.remove(place)
        raise NotFoundError(f"{base} was deleted meanwhile, and gc has removed its contents: name another version")
    return place, base


def _is_removed(store: Store, version: Version) -> bool:
    with store.catalog.view() as view:
        now = view.version(version.artifact, version.index, deleted=True)
    return now is None or now.removed


def _base(store: Store, request: StageRequest) -> tuple[Version | None, str]:
    with store.catalog.view() as view:
        if request.empty:
            return None, ""
        if request.from_ref:
            version = view.resolve(_ref(request))
        else:
            artifact = view.artifact_by_name(request.artifact)
            latest = view.latest(artifact.serial) if artifact is not None else None
            if latest is None:
                return None, ""
            version = latest
        return version, str(view.ref(version))


def _ref(request: StageRequest) -> VersionRef:
    index = version_index(request.from_ref)
    if index is not None:
        return VersionRef(parse_artifact_name(request.artifact), index)
    return parse_ref(request.from_ref)
