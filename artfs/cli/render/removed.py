"""What a command removed from a directory that it made equal to a version."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from artfs.cli.render.output import print_note
from artfs.documents.document import Document, json_text
from artfs.names import printable

__all__ = ["note_removed", "removed_document"]

_SHOWN: Final = 20


def note_removed(paths: Sequence[bytes]) -> None:
    """Write a line for each path that was removed to stderr; many are counted."""
    for path in paths[:_SHOWN]:
        print_note(f"removed {printable(os.fsdecode(path))}")
    if len(paths) > _SHOWN:
        print_note(f"removed {len(paths) - _SHOWN:,} more")


def removed_document(paths: Sequence[bytes]) -> Document:
    """Return the key `removed`: an array of objects with `path`."""
    return {"removed": [json_text("path", path) for path in paths]}
