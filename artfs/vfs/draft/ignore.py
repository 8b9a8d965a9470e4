"""`.artfsignore` at the top of a draft: what a commit leaves out, in the patterns of gitignore(5)."""

from __future__ import annotations

import os
from typing import Final

from artfs.vfs.draft.changes import Ignore

__all__ = ["IGNORE_FILE", "parse_ignore"]

IGNORE_FILE: Final = b".artfsignore"


def parse_ignore(text: bytes) -> Ignore:
    """Make a rule of the contents of an ignore file."""
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 # few drafts have one

    spec = GitIgnoreSpec.from_lines(os.fsdecode(text).splitlines())

    def ignore(path: bytes, is_directory: bool) -> bool:
        return spec.match_file(os.fsdecode(path) + ("/" if is_directory else ""))

    return ignore
