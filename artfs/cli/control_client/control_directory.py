"""Client of the control files in `.artfs/` of a draft or staging mount.

It needs no store: any program in any container that sees the draft can do the same.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
from contextlib import suppress
from typing import Any, Final

from artfs import errors
from artfs.cli.control_client.mounted import lost_store
from artfs.errors import (
    ArtfsError,
    ConflictError,
    InvalidInputError,
    MountError,
    NotFoundError,
    ReadOnlyStoreError,
    StorageError,
)
from artfs.names import quoted

__all__ = ["ControlDirectory", "error_named", "find_draft", "own_draft"]

_CONTROL: Final = ".artfs"
_DEAD: Final = (errno.ENOTCONN, errno.ECONNABORTED)
_MAX_REQUEST: Final = 1 << 16
_PIECE: Final = 1 << 17
_TRIES: Final = 3


class ControlDirectory:
    """The control files of a draft, or of a staging mount.

    Args:
        top: The draft's own directory, or that of the staging mount; absolute.
    """

    def __init__(self, top: str) -> None:
        self.top = top

    def path(self, name: str) -> str:
        """Path of a control file."""
        return os.path.join(self.top, _CONTROL, name)

    def read(self, name: str) -> bytes:
        """Read a control file.

        Raises:
            MountError: The staging mount is gone.
            StorageError: It cannot be read.
        """
        try:
            with open(self.path(name), "rb", buffering=0) as file:
                pieces = list(iter(lambda: file.read(_PIECE), b""))
        except OSError as error:
            raise _ended(error, self.top) or StorageError.of(error, f"reading {quoted(self.path(name))}") from error
        return b"".join(pieces)

    def read_json(self, name: str) -> Any:
        """Read a control file that holds JSON; None if it is empty.

        Raises:
            MountError: The staging mount is gone, or is of another artfs.
        """
        for _again in range(_TRIES):  # it may have changed between two pieces
            text = self.read(name)
            try:
                return json.loads(text) if text.strip() else None
            except ValueError:
                continue
        raise MountError(f"{quoted(self.path(name))} holds no JSON: mount the store again with this artfs")

    def write(self, name: str, request: dict[str, Any]) -> None:
        """Write a request: a JSON object in one piece.

        Raises:
            InvalidInputError: It is too long.
            MountError: The staging mount is gone.
            OSError: It was refused.
        """
        text = json.dumps(request, ensure_ascii=False).encode()
        if len(text) > _MAX_REQUEST:
            raise InvalidInputError(
                f"description, metadata, aliases and tags take {len(text):,} bytes, and a draft takes {_MAX_REQUEST:,}:"
                " commit with less and add the rest with `artfs edit`"
            )
        try:
            descriptor = os.open(self.path(name), os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, text)
            finally:
                with suppress(OSError):  # the request was taken, or refused by the write
                    os.close(descriptor)
        except OSError as error:
            ended = _ended(error, self.top)
            if ended is not None:
                raise ended from error
            raise

    def ask(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Write a request to a staging mount, and return its reply.

        Raises:
            ArtfsError: It was refused.
        """
        request = {**request, "token": new_token()}
        refused: OSError | None = None
        try:
            self.write(name, request)
        except OSError as error:
            refused = error
        reply = self.read_json(name) or {}
        mine = reply.get("token") == request["token"]
        if mine and reply.get("error"):
            raise error_named(reply["error"], reply.get("message", ""))
        if refused is not None:
            raise refusal(refused, self.top)
        return reply if mine else {}


def new_token() -> str:
    """Make the token that identifies a request in the replies."""
    return secrets.token_hex(8)


def find_draft(directory: str) -> ControlDirectory:
    """Find the draft that contains a path.

    Raises:
        NotFoundError: There is no such path, or it is in no draft.
        MountError: The staging mount is gone.
        StorageError: The system refused.
    """
    try:
        os.stat(directory)
    except OSError as error:
        raise _unreachable(directory, error) from error
    place = os.path.realpath(directory)
    if os.path.lexists(ControlDirectory(place).path("stage")):
        raise NotFoundError(f"{quoted(directory)} is the staging mount itself: name a draft in it")
    while True:
        control = ControlDirectory(place)
        if os.path.lexists(control.path("commit")) and os.path.lexists(control.path("result")):
            return control
        above = os.path.dirname(place)
        if above == place:
            raise lost_store(os.path.realpath(directory)) or NotFoundError(
                f"{quoted(directory)} is in no draft: `artfs stage NAME` opens one and prints its directory"
            )
        place = above


def own_draft(directory: str) -> ControlDirectory:
    """Find the draft whose own directory this is.

    Raises:
        InvalidInputError: It is below a draft's directory.
        ArtfsError: As `find_draft`.
    """
    draft = find_draft(directory)
    if not os.path.samefile(directory, draft.top):
        raise InvalidInputError(f"{quoted(directory)} is inside the draft {quoted(draft.top)}: name that")
    return draft


def _ended(error: OSError, top: str) -> MountError | None:
    """Make the error for a staging mount that cannot answer any more, if it is that."""
    if error.errno in _DEAD:
        return gone(top)
    return lost_store(top) if error.errno == errno.EIO else None


def gone(top: str) -> MountError:
    """Make the error for a staging mount that does not answer any more."""
    return MountError(
        f"the staging mount that {quoted(top)} is in has ended: mount it again, the draft is kept in the store"
    )


def error_named(name: str, message: str) -> ArtfsError:
    """Make an error that another process reported.

    Args:
        name: Its class.
        message: Its line.
    """
    kind = getattr(errors, name, None) if name in errors.__all__ else None
    if kind is None:
        return ArtfsError(message)
    error: ArtfsError = kind(message)
    return error


def refusal(error: OSError, top: str) -> ArtfsError:
    """Make the error for a request that was refused without a reply."""
    match error.errno:
        case errno.EINVAL:
            return InvalidInputError(f"{quoted(top)} refused the request as not well formed")
        case errno.EBUSY | errno.EEXIST | errno.ENOTEMPTY:
            return ConflictError(f"{quoted(top)} refused the request as it stands: {error.strerror}")
        case errno.EROFS:
            return ReadOnlyStoreError("after a failed write the store is read-only for this mount: mount it again")
    return StorageError.of(error, f"asking {quoted(top)}")


def _unreachable(directory: str, error: OSError) -> ArtfsError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFoundError(f"{quoted(directory)} does not exist: `artfs stage NAME` prints the directory of a draft")
    return _ended(error, os.path.realpath(directory)) or StorageError.of(error, f"looking at {quoted(directory)}")
