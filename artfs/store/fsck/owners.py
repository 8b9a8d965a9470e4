"""Check and repair of owners and rights: of foreign files in a store, which those whose store it is cannot use.

Root leaves them where something else than artfs copies, restores or edits files of a store.

- O1. In a store of one user everything belongs to that user. In a shared one everything belongs to the group and can be
  read and written by it, and directories have the setgid bit.
- O2. Nothing in a store is a symlink.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from pwd import getpwuid
from typing import Final

from artfs.files.store_files import (
    GROUP_DIRECTORY_MODE,
    GROUP_FILE_MODE,
    directory_of,
    hand_over,
    is_shared,
    open_directory,
)
from artfs.store.fsck.finding import Finding, Part
from artfs.store.layout import Layout

__all__ = ["check_owners", "repair_owners"]

_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OTHERS: Final = frozenset({"lost+found"})
"""What a file system of its own has at its top."""


def check_owners(layout: Layout) -> Iterator[Finding]:
    """Yield a finding for each file and directory of a store that breaks O1 or O2."""
    top = os.stat(layout.root)
    wanted = _why_foreign(top, top, shared=layout.format.shared)
    if wanted is not None:
        yield Finding("O1", Part.OWNER, f"{layout.root} {wanted}")
    for path, status in _walk(layout.root):
        if stat.S_ISLNK(status.st_mode):
            yield Finding("O2", Part.OWNER, f"{path} is a symlink, which is not followed in a store: remove it")
            continue
        foreign = _why_foreign(status, top, shared=layout.format.shared)
        if foreign is not None:
            yield Finding("O1", Part.OWNER, f"{path} {foreign}")


def repair_owners(layout: Layout) -> None:
    """Give what is foreign to those whose store it is, as far as this user may; root may all of it."""
    top = os.stat(layout.root)
    if layout.format.shared and not is_shared(top):
        with suppress(OSError):
            os.chmod(layout.root, GROUP_DIRECTORY_MODE)
        top = os.stat(layout.root)
    for path, status in _walk(layout.root):  # a directory before what is in it
        if stat.S_ISLNK(status.st_mode) or _why_foreign(status, top, shared=layout.format.shared) is None:
            continue
        with suppress(OSError), ExitStack() as opened:
            directory = opened.enter_context(directory_of(path))
            descriptor = os.open(path.name, _FLAGS, dir_fd=directory)
            opened.callback(os.close, descriptor)
            if layout.format.shared:
                os.fchown(descriptor, -1, top.st_gid)
            hand_over(descriptor, top)


def _walk(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield all that is in a store; what vanishes meanwhile, or cannot be listed, is left out."""
    stack = [root]
    while stack:
        directory = stack.pop()
        found = []
        with suppress(OSError):
            descriptor = open_directory(directory)
            try:
                for name in os.listdir(descriptor):
                    with suppress(FileNotFoundError):
                        found.append((directory / name, os.stat(name, dir_fd=descriptor, follow_symlinks=False)))
            finally:
                os.close(descriptor)
        for path, status in found:
            if directory != root or path.name not in _OTHERS:
                yield path, status
                if stat.S_ISDIR(status.st_mode):
                    stack.append(path)


def _why_foreign(status: os.stat_result, top: os.stat_result, *, shared: bool) -> str | None:
    """Return what is wrong with the owner or the rights of a file or directory; None if nothing is."""
    if not shared:
        # Where the store is root's, no file in it is closed to its owner.
        if top.st_uid in (0, status.st_uid):
            return None
        return f"belongs to {_user(status.st_uid)}, and the store to {_user(top.st_uid)}"
    if status.st_gid != top.st_gid:
        return f"belongs to the group {status.st_gid}, and the shared store to {top.st_gid}"
    wanted = GROUP_DIRECTORY_MODE if stat.S_ISDIR(status.st_mode) else GROUP_FILE_MODE
    if status.st_mode & wanted != wanted:
        return f"has the mode {stat.S_IMODE(status.st_mode):o}, which lacks rights of the group in a shared store"
    return None


def _user(number: int) -> str:
    try:
        return getpwuid(number).pw_name
    except KeyError:
        return str(number)
