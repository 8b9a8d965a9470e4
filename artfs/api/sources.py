"""From what a user passes to `add_file` and `add_dir` to what the store reads: paths checked, patterns applied."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import PurePath

from artfs.errors import InvalidInputError
from artfs.names import parse_entry_path, quoted
from artfs.store.source import SourceDirectory, SourceFile, scan, source_error

__all__ = ["check_policy", "directory_source", "entry_path", "file_source"]

IGNORE_FILE = b".artfsignore"
_POLICIES = {"mutable", "immutable"}


def entry_path(name: str | PurePath) -> bytes:
    """The path of an entry as bytes, checked.

    Raises:
        InvalidInputError: It breaks the rule.
    """
    return b"/".join(parse_entry_path(name.as_posix() if isinstance(name, PurePath) else name))


def check_policy(policy: str) -> None:
    """Check how a file is to be added; both policies do the same, since a file is stored at once.

    Raises:
        InvalidInputError: There is no such policy.
    """
    if policy not in _POLICIES:
        raise InvalidInputError(f"policy {policy!r} is not allowed: use 'mutable' or 'immutable'")


def file_source(local_path: str | os.PathLike[str], policy: str) -> SourceFile:
    """Look at a file; a symlink to it is followed.

    Raises:
        InvalidInputError: It is no file, or there is no such policy.
        SourceError: It cannot be looked at.
    """
    check_policy(policy)
    raw = os.fsencode(os.path.abspath(local_path))
    try:
        status = os.lstat(raw)
        if stat.S_ISLNK(status.st_mode):
            raw = os.path.realpath(raw)
            status = os.stat(raw)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidInputError(f"{quoted(os.fspath(local_path))} is no file: it does not exist") from error
    except OSError as error:
        raise source_error(error, raw) from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInputError(f"{quoted(os.fspath(local_path))} is no file: use add_dir for a directory")
    return SourceFile(b"", raw, status)


def directory_source(
    local_path: str | os.PathLike[str], name: bytes, ignore: str | Iterable[str] | None
) -> SourceDirectory:
    """Look at a directory, without what `ignore` and its `.artfsignore` leave out.

    Args:
        local_path: The directory.
        name: Where it goes in the artifact.
        ignore: Patterns of gitignore(5), besides those of `.artfsignore` at its top.

    Raises:
        InvalidInputError: It is no directory, or one of the patterns is none.
        SourceError: Something in it cannot be read.
    """
    raw = os.fsencode(os.path.realpath(local_path))
    if not os.path.isdir(raw):
        raise InvalidInputError(f"{quoted(os.fspath(local_path))} is no directory: use add_file for a file")
    top = scan(raw, name.rpartition(b"/")[2], len(name) + 1 if name else 0)
    if not name:
        names = [file.name for file in top.files] + [link.name for link in top.links]
        names += [child.name for child in top.directories]
        for child in names:
            parse_entry_path(child)  # of these, what the rules reserve is at the top
    lines = [ignore] if isinstance(ignore, str) else list(ignore or ())
    lines += _ignore_file(top)
    if lines:
        _leave_out(top, lines)
    return top


def _ignore_file(top: SourceDirectory) -> list[str]:
    if all(file.name != IGNORE_FILE for file in top.files):
        return []
    path = top.path + b"/" + IGNORE_FILE
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.read()).splitlines()
    except OSError as error:
        raise source_error(error, path) from error


def _leave_out(top: SourceDirectory, lines: list[str]) -> None:
    from artfs.vfs.draft.ignore import parse_patterns  # noqa: PLC0415 # few directories have patterns

    spec = parse_patterns(lines)

    def kept(path: bytes) -> bool:
        return not spec.match_file(os.fsdecode(path))

    stack = [(b"", top)]
    while stack:
        prefix, directory = stack.pop()
        directory.files = [file for file in directory.files if kept(prefix + file.name)]
        directory.links = [link for link in directory.links if kept(prefix + link.name)]
        directory.directories = [child for child in directory.directories if kept(prefix + child.name + b"/")]
        stack.extend((prefix + child.name + b"/", child) for child in directory.directories)
