"""Conflicts of a merge on the command line: the paths that say which side is right, and the commands that go on."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from artfs.errors import InvalidInputError, MergeConflictError
from artfs.names import quoted

if TYPE_CHECKING:
    from artfs.cli.control_client.control_directory import ControlDirectory

__all__ = ["path_in_draft", "with_commands"]


def path_in_draft(draft: ControlDirectory, path: str) -> str:
    """Return a path relative to the draft; an absolute one may lead into it.

    Raises:
        InvalidInputError: It is not UTF-8, as a request is, or leads elsewhere.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"{quoted(path)} is not UTF-8: name the directory that it is in") from None
    if not os.path.isabs(path):
        return path
    top = os.path.realpath(draft.top)
    whole = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    if os.path.commonpath((whole, top)) != top:
        raise InvalidInputError(f"{quoted(path)} is not in the draft {quoted(draft.top)}: give a path relative to that")
    return os.path.relpath(whole, top)


def with_commands(
    error: MergeConflictError,
    directory: str,
    conflicts: Sequence[dict[str, Any]],
    mine: Sequence[str],
    theirs: Sequence[str],
) -> MergeConflictError:
    """Return the error with the commands that go on, as they are typed.

    Args:
        error: From the draft.
        directory: The draft, as the user named it.
        conflicts: As of `.artfs/conflicts`.
        mine: What `--mine` was given for already.
        theirs: What `--theirs` was given for.
    """
    paths = [conflict["path"] for conflict in conflicts if "path_base64" not in conflict]
    if not paths:
        return error
    given = [*(("--mine", path) for path in mine), *(("--theirs", path) for path in theirs)]
    commit = shlex.join(["artfs", "commit", directory, "--merge", *(word for pair in given for word in pair)])
    path = shlex.quote(paths[0].rstrip("/") or ".")
    ways = f"`{commit} --mine {path}` keeps yours, `{commit} --theirs {path}` takes the other"
    if len(conflicts) > 1:
        ways += f"; say it for each, or for all: `{commit} --mine .`"
    facts = str(error).rpartition("; ")[0]
    return MergeConflictError(f"{facts}; {ways}", error.conflicts)
