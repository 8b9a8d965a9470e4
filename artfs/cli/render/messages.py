"""Standard error: notes and failures, as lines for people, or under `--json` as a JSON document each.

How messages are written holds for the process: `main` sets it before a command is parsed.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from artfs.names import printable

__all__ = ["be_quiet", "begin_messages", "is_quiet", "send_nowhere", "write_as_text", "write_failure", "write_note"]


@dataclass(slots=True)
class _Manner:
    """How messages are written.

    Attributes:
        as_json: As JSON documents.
        quiet: Notes are left out.
    """

    as_json: bool = False
    quiet: bool = False


_manner = _Manner()


def begin_messages(*, as_json: bool) -> None:
    """Set how the messages of one command line are written; it is not quiet yet."""
    _manner.as_json = as_json
    _manner.quiet = False


def write_as_text() -> None:
    """Write messages for people, whatever words are in the command line: they are another program's."""
    _manner.as_json = False


def be_quiet() -> None:
    """Leave out notes, progress, and lines that only say that something was done."""
    _manner.quiet = True


def is_quiet() -> bool:
    """Tell if `--quiet` was given."""
    return _manner.quiet


def write_note(text: str) -> None:
    """Write a note: something that the user may want to know, and that is no failure."""
    if not _manner.quiet:
        _write(text, {"kind": "note"})


def write_failure(text: str, kind: str, exit_code: int, traceback: str = "", **details: Any) -> None:
    """Write why the command failed.

    Args:
        text: The line.
        kind: One of the kinds in docs/COMMANDS.md, "Errors".
        exit_code: The command's exit code.
        traceback: The traceback of the error, if it is to be shown; people get it before the line.
        details: More keys of the JSON document.
    """
    if traceback and _manner.as_json:
        details["traceback"] = traceback
    elif traceback:
        _write_text(traceback)
    _write(text, {"kind": kind, "exit_code": exit_code, **details})


def _write(text: str, fields: dict[str, Any]) -> None:
    """Write a message; what cannot be written fails no command."""
    message = printable(text)
    if _manner.as_json:
        import json

        line = json.dumps({**fields, "message": message})  # ASCII, whatever the locale
    else:
        line = f"artfs: {message}"
    _write_text(f"{line}\n")


def _write_text(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        # It stays buffered, and the interpreter would end with a code of its own for it.
        with suppress(OSError):
            send_nowhere(2)


def send_nowhere(descriptor: int) -> None:
    """Let what is still written to a descriptor be lost, as what is buffered when the interpreter exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
