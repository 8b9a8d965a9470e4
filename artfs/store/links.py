"""Where symlinks of a version lead: within it, or outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from artfs.format.node import Entry, Kind

__all__ = ["leads_outside"]

_MAX_LINKS: Final = 40  # as many as Linux follows


def leads_outside(path: Sequence[bytes], target: bytes, find: Callable[[Sequence[bytes]], Entry | None]) -> bool:
    """Whether a symlink leads out of the directory that all paths are from.

    It is followed as the kernel would: what stands before a `..` may be a symlink itself, to a directory with another
    parent.

    Args:
        path: Of the symlink.
        target: What it says.
        find: The entry at a path, None if there is none.
    """
    at, left, links = list(path[:-1]), deque(target.split(b"/")), 0
    if target.startswith(b"/"):
        return True
    while left:
        name = left.popleft()
        if name in {b"", b"."}:
            continue
        if name == b"..":
            if not at:
                return True
            at.pop()
            continue
        at.append(name)
        if b".." not in left:
            continue  # nothing after it depends on what it is; if it is a symlink it is looked at by itself
        entry = find(at)
        if entry is not None and entry.kind == Kind.SYMLINK:
            links += 1
            if links > _MAX_LINKS:
                return False  # it leads nowhere
            if entry.extra.startswith(b"/"):
                return True
            at.pop()
            left.extendleft(reversed(entry.extra.split(b"/")))
    return False
