"""The origin of a run: command line, working directory, and the git commit checked out there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["checked_out_commit", "command_line", "has_changes", "working_directory"]

_TIMEOUT: Final = 10
"""Seconds to wait for git: a run does not wait for a huge work tree on a cold disk."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


def command_line() -> tuple[str, ...]:
    """Return the arguments that this process was started with, the program first."""
    return tuple(argument.encode("utf-8", "replace").decode() for argument in sys.orig_argv)


def working_directory() -> str:
    """Return the working directory of this process; empty if it was removed."""
    try:
        return os.fsencode(os.getcwd()).decode("utf-8", "replace")
    except OSError:
        return ""


def has_changes(directory: Path) -> bool | None:
    """Return True if tracked files differ from the commit checked out; None if git does not say."""
    # core.fsmonitor names a program, which a work tree could bring along
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain", "-uno"]
    try:
        ran = subprocess.run(  # noqa: S603 # no shell, and a fixed program
            command,
            check=False,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return bool(ran.stdout) if ran.returncode == 0 else None


def checked_out_commit(directory: Path) -> str | None:
    """Return the git commit checked out in a directory or above it; None if it cannot be read."""
    try:
        for parent in (directory, *directory.parents):
            if (parent / ".git").exists():
                return _commit(_git_directory(parent / ".git"))
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
