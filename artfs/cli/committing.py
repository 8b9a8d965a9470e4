"""Ask a draft for a commit, and follow it to its end."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from artfs.cli.drafts import ControlDirectory, error_named, new_token, refusal
from artfs.errors import ConflictError, MountError, OutcomeUnknownError, StorageError
from artfs.names import quoted

__all__ = ["Committed", "commit"]

_FIRST_WAIT: Final = 0.002
_LONGEST_WAIT: Final = 0.05

Show = Callable[[int, str], None]
"""Is told the percentage that is done, and what is waited for, if anything."""


@dataclass(frozen=True, slots=True)
class Committed:
    """How a commit ended.

    Attributes:
        ref: The version, or the one that there was before.
        created: Whether it is a new one.
    """

    ref: str
    created: bool


def commit(draft: ControlDirectory, request: dict[str, Any], show: Show) -> Committed:
    """Commit a draft; return when the version is there.

    Args:
        draft: The draft.
        request: Fields of `artfs.vfs.draft.request.CommitRequest`; `wait` is there.
        show: Is told how far it is.

    Raises:
        ArtfsError: It failed, and the draft is as it was.
        OutcomeUnknownError: The mount was lost on the way.
        KeyboardInterrupt: The user went; the commit goes on.
    """
    token = new_token()
    try:
        _begin(draft, {**request, "token": token}, show)
        return _follow(draft, token, show)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted; a commit that has begun goes on: `cat {draft.path('commit')}` tells how it ends"
        ) from None


def _begin(draft: ControlDirectory, request: dict[str, Any], show: Show) -> None:
    """Hand the request over; wait for another commit of the draft to end first."""
    deadline = time.monotonic() + request["wait"]
    pauses = _Pauses()
    while True:
        try:
            draft.write("commit", request)
        except OSError as error:
            if error.errno != errno.EBUSY:
                _refused(draft, request["token"], error)
            state = _state(draft)
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"another commit of {quoted(draft.top)} is under way ({state}): repeat when it has ended, or wait"
                    " for it with --wait SECONDS"
                ) from None
            show(0, f"another commit: {state}")
            pauses.pause()
        else:
            return


def _refused(draft: ControlDirectory, token: str, error: OSError) -> None:
    """Raise what the draft has to say of a request that it refused."""
    found = _result(draft, token)
    if found is not None and found.get("error"):
        raise error_named(found["error"], found.get("message", "")) from None
    told = refusal(error, draft.top)
    state = _state(draft)
    if state.startswith("error: "):
        raise type(told)(state.removeprefix("error: ")) from None
    raise told from error


def _follow(draft: ControlDirectory, token: str, show: Show) -> Committed:
    pauses = _Pauses()
    while True:
        try:
            found = _result(draft, token)
        except MountError as error:
            raise _unknown(draft, "the staging mount ended") from error
        except StorageError as error:
            raise _unknown(draft, f"the draft cannot be read any more ({error})") from error
        if found is None:
            raise _unknown(draft, "the staging mount was served anew")
        if found.get("error"):
            raise error_named(found["error"], found.get("message", ""))
        if found.get("ref"):
            return Committed(found["ref"], bool(found.get("created")))
        show(int(found.get("percent", 0)), found.get("message", ""))
        pauses.pause()


def _unknown(draft: ControlDirectory, why: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"{why} during the commit of {quoted(draft.top)}: `artfs log` of its artifact tells whether the version is"
        " there; the draft is kept in the store"
    )


def _result(draft: ControlDirectory, token: str) -> dict[str, Any] | None:
    """What the draft says of one commit."""
    found: list[dict[str, Any]] = [result for result in draft.read_json("result") or [] if result["token"] == token]
    return found[-1] if found else None


def _state(draft: ControlDirectory) -> str:
    return draft.read("commit").decode("utf-8", "replace").strip()


class _Pauses:
    """Short at first, for what is done at once; each only a seventh of all before, so the end is noticed soon."""

    def __init__(self) -> None:
        self._seconds = _FIRST_WAIT

    def pause(self) -> None:
        """Sleep a while."""
        time.sleep(self._seconds)
        self._seconds = min(self._seconds * 1.15, _LONGEST_WAIT)
