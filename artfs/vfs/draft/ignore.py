"""`.artfsignore` at the top of a draft: what a commit leaves out, in the patterns of gitignore(5)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from artfs.errors import InvalidInputError
from artfs.vfs.draft.changes import Ignore

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

__all__ = ["IGNORE_FILE", "parse_ignore", "parse_patterns"]

IGNORE_FILE: Final = b".artfsignore"


def parse_patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    """Make a rule of patterns.

    Raises:
        InvalidInputError: One of them is none.
    """
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 # few directories have patterns

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise InvalidInputError(f"what is to be left out (.artfsignore) cannot be understood: {error}") from error


def parse_ignore(text: bytes) -> Ignore:
    """Make a rule of the contents of an ignore file.

    Raises:
        InvalidInputError: One of its patterns is none.
    """
    spec = parse_patterns(os.fsdecode(text).splitlines())

    def ignore(path: bytes, is_directory: bool) -> bool:
        return spec.match_file(os.fsdecode(path) + ("/" if is_directory else ""))

    return ignore
