"""The paths at which the last merge of a draft failed: the control file `conflicts`, kept in the draft's directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from artfs.documents.document import json_text
from artfs.files.store_files import open_file, remove_file, rename

__all__ = ["read_conflicts", "write_conflicts"]

_NAME: Final = "conflicts"
_NONE: Final = b"[]\n"


def write_conflicts(draft: Path, conflicts: Mapping[str, tuple[str, str]]) -> None:
    """Replace the conflicts; they are lost with the machine, and the next commit finds them again.

    Args:
        draft: The draft's directory.
        conflicts: As of `MergeConflictError`.

    Raises:
        OSError: The disk said no.
    """
    path = draft / _NAME
    if not conflicts:
        with suppress(FileNotFoundError):
            remove_file(path)
        return
    documents = [
        {**json_text("path", os.fsencode(name)), "here": ours, "there": theirs}
        for name, (ours, theirs) in conflicts.items()
    ]
    following = path.with_suffix(".new")
    with os.fdopen(open_file(following, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(msgspec.json.encode(documents) + b"\n")
    rename(following, path)


def read_conflicts(draft: Path) -> bytes:
    """The conflicts as a JSON array; an empty one if there are none.

    Raises:
        OSError: The disk said no.
    """
    try:
        with os.fdopen(open_file(draft / _NAME, os.O_RDONLY), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return _NONE
