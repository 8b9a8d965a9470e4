"""What `.artfsignore` at the top of a draft names: it stays in the draft, and is in no version."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from functools import lru_cache

from artfs.drafts.db.schema import BASE
from artfs.drafts.view import DraftView
from artfs.errors import InvalidInputError
from artfs.ignore_rules import IGNORE_FILE, MAX_IGNORE_BYTES, IgnoreRules

__all__ = ["ignore_rules", "not_ignored"]

_compiled = lru_cache(maxsize=16)(IgnoreRules)


def ignore_rules(draft: DraftView) -> IgnoreRules | None:
    """Return the ignore rules of a draft; None if it has none.

    Raises:
        InvalidInputError: There are too many patterns.
    """
    ino = draft.find(BASE, IGNORE_FILE)
    row = draft.inode(ino) if ino else None
    if row is None or not stat.S_ISREG(row.mode):
        return None
    text = bytes(draft.read(ino, 0, min(row.size, MAX_IGNORE_BYTES + 1)))
    try:
        return _compiled(text) or None
    except InvalidInputError as error:
        raise InvalidInputError(f"'.artfsignore': {error}") from error


def not_ignored(draft: DraftView, inodes: Iterable[int]) -> list[int]:
    """The files among `inodes` with a name that is not ignored.

    Raises:
        InvalidInputError: There are too many patterns.
    """
    rules = ignore_rules(draft)
    if rules is None:
        return list(inodes)
    return [ino for ino in inodes if not all(rules.ignores(path, is_directory=False) for path in _paths(draft, ino))]


def _paths(draft: DraftView, ino: int) -> list[bytes]:
    """All paths of a file."""
    return [_path(draft, directory) + name for directory, name in draft.names_of(ino)]


def _path(draft: DraftView, directory: int) -> bytes:
    path = b""
    while directory != BASE:
        directory, name = draft.names_of(directory)[0]  # a directory has one
        path = name + b"/" + path
    return path
