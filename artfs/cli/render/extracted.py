"""What a command says after it has written files out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.cli.render.output import print_document, print_result, shown
from artfs.cli.render.removed import note_removed, removed_document
from artfs.documents.document import Document, json_text

if TYPE_CHECKING:
    from artfs.store.read.extract import Extracted

__all__ = ["print_extracted"]


def print_extracted(
    ref: str,
    target: Path,
    done: Extracted,
    removed: Sequence[bytes] | None,
    *,
    as_json: bool,
    more: Document | None = None,
) -> None:
    """Print where files were written, and which others were removed there.

    Args:
        ref: The version, as `animals:v3`.
        target: The file or directory.
        done: What was written.
        removed: Paths; None: nothing was to be removed, and the document has no key for it.
        as_json: Print a document.
        more: Other keys of it.
    """
    if as_json:
        print_document(
            {
                "ref": ref,
                **json_text("path", os.fsencode(target)),
                "files": done.files,
                "bytes": done.size,
                "kept": done.kept,
                **(more or {}),
                **({} if removed is None else removed_document(removed)),
            }
        )
    else:
        note_removed(removed or ())
        print_result(shown(os.fsencode(target)), "all files are written")
