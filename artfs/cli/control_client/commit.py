"""Commit of a draft through its control files: the request, and waiting for the result."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from artfs.cli.control_client.control_directory import ControlDirectory, error_named, new_token, refusal
from artfs.errors import ConflictError, MountError, OutcomeUnknownError, StorageError
from artfs.names import quoted

__all__ = ["CommitReply", "commit"]

_FIRST_WAIT: Final = 0.002
_LONGEST_WAIT: Final = 0.05

Show = Callable[[int, str], None]
"""Shows the percentage done, and what the commit waits for, if anything."""


@dataclass(frozen=True, slots=True)
class CommitReply:
    """Result of a commit.

    Attributes:
        ref: The version; without a new one, the latest.
        created: The version is new.
        message: What is odd about it; empty: nothing.
        merged: The version that the draft's changes were merged onto; empty: none.
        runs: Ids of the runs that logged it.
    """

    ref: str
    created: bool
    message: str = ""
    merged: str = ""
    runs: tuple[str, ...] = ()


def commit(draft: ControlDirectory, request: dict[str, Any], show: Show) -> CommitReply:
    """Commit a draft; return when the version is there.

    Args:
        draft: The draft.
        request: Fields of `artfs.drafts.control.commit_request.CommitRequest`; `wait` is there.
        show: Shows the progress.

    Raises:
        ArtfsError: It failed, and the draft is as it was.
        OutcomeUnknownError: The mount was lost on the way.
        KeyboardInterrupt: The user interrupts; the commit goes on.
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
    """Write the request, after another commit of the draft has ended."""
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
    """Raise the error that the draft reports for a request that it refused."""
    found = _result(draft, token)
    if found is not None and found.get("error"):
        raise error_named(found["error"], found.get("message", "")) from None
    refused = refusal(error, draft.top)
    state = _state(draft)
    if state.startswith("error: "):
        raise type(refused)(state.removeprefix("error: ")) from None
    raise refused from error


def _follow(draft: ControlDirectory, token: str, show: Show) -> CommitReply:
    pauses = _Pauses()
    while True:
        try:
            found = _result(draft, token)
        except MountError as error:
            raise _unknown(draft, "the staging mount ended, or its store was moved away,") from error
        except StorageError as error:
            raise _unknown(draft, f"the draft cannot be read any more ({error})") from error
        if found is None:
            raise _unknown(draft, "the staging mount was served again by another process")
        if found.get("error"):
            raise error_named(found["error"], found.get("message", ""))
        if found.get("ref"):
            message, merged = found.get("message", ""), found.get("merged", "")
            return CommitReply(found["ref"], bool(found.get("created")), message, merged, tuple(found.get("runs", ())))
        show(int(found.get("percent", 0)), found.get("message", ""))
        pauses.pause()


def _unknown(draft: ControlDirectory, why: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"{why} during the commit of {quoted(draft.top)}: `artfs log` of its artifact tells whether the version is"
        " there; the draft is kept in the store"
    )


def _result(draft: ControlDirectory, token: str) -> dict[str, Any] | None:
    """Find the result of one commit."""
    found: list[dict[str, Any]] = [result for result in draft.read_json("result") or [] if result["token"] == token]
    return found[-1] if found else None


def _state(draft: ControlDirectory) -> str:
    return draft.read("commit").decode("utf-8", "replace").strip()


class _Pauses:
    """Pauses between polls: short at first, then each about a seventh of the time so far."""

    def __init__(self) -> None:
        self._seconds = _FIRST_WAIT

    def pause(self) -> None:
        """Sleep a while."""
        time.sleep(self._seconds)
        self._seconds = min(self._seconds * 1.15, _LONGEST_WAIT)
