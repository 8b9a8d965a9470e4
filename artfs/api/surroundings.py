"""What a run notes of where it was started: command line, working directory, and the commit that is checked out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["checked_out_commit", "command_line", "has_changes", "working_directory"]

_PATIENCE: Final = 10
"""Seconds until git is given up: a run does not wait for a huge work tree on a cold disk."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


def command_line() -> tuple[str, ...]:
    """The words with which this process was started."""
    return tuple(word.encode("utf-8", "replace").decode() for word in sys.orig_argv)


def working_directory() -> str:
    """Where this process works; empty if that was removed."""
    try:
        return os.fsencode(os.getcwd()).decode("utf-8", "replace")
    except OSError:
        return ""


def has_changes(directory: Path) -> bool | None:
    """Whether tracked files differ from the commit that is checked out; None if git is not there or cannot tell."""
    # core.fsmonitor names a program, which a work tree could bring along
    question = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain", "-uno"]
    try:
        told = subprocess.run(  # noqa: S603 # no shell, and a fixed program
            question,
            check=False,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return bool(told.stdout) if told.returncode == 0 else None


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
