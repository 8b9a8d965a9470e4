"""What a run notes of where it was started: the command line, and the commit that is checked out."""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["checked_out_commit", "command_line"]

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


def command_line() -> tuple[str, ...]:
    """The words with which this process was started."""
    return tuple(word.encode("utf-8", "replace").decode() for word in sys.orig_argv)


def checked_out_commit(directory: Path) -> str | None:
    """The git commit that is checked out in a directory or above it; None if that cannot be told."""
    try:
        for place in (directory, *directory.parents):
            if (place / ".git").exists():
                return _commit(_git_directory(place / ".git"))
    except (OSError, UnicodeDecodeError):
        pass
    return None


def _git_directory(git: Path) -> Path:
    """Follow the file that stands for the directory in a linked work tree."""
    if git.is_dir():
        return git
    return git.parent / git.read_text().removeprefix("gitdir:").strip()


def _commit(git: Path) -> str | None:
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref: "):
        return head if _COMMIT.match(head) else None
    branch = head.removeprefix("ref: ")
    common = git / "commondir"
    shared = git / common.read_text().strip() if common.exists() else git
    if (shared / branch).exists():
        commit = (shared / branch).read_text().strip()
        return commit if _COMMIT.match(commit) else None
    for line in (shared / "packed-refs").read_text().splitlines():
        commit, _space, name = line.partition(" ")
        if name == branch and _COMMIT.match(commit):
            return commit
    return None
