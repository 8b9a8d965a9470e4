"""Symlinks within a directory that stands alone: followed by their text, and judged whether they lead out of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from artfs.errors import InvalidInputError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.names import quoted

__all__ = ["leads_outside", "resolve"]

_MAX_LINKS: Final = 40  # as many as Linux follows


class _LeadsOutsideError(InvalidInputError):
    pass


class _LoopError(InvalidInputError):
    pass


def leads_outside(path: Sequence[bytes], target: bytes, find: Callable[[Sequence[bytes]], Entry | None]) -> bool:
    """Return True if a symlink leads out of the directory that all paths start at.

    A symlink on its way counts only before a `..`, since that is where it decides what the parent directory is; after
    the last `..` it is judged when it is itself asked about.

    Args:
        path: Of the symlink.
        target: Its target.
        find: Returns the entry at a path, None if there is none.
    """
    if target.startswith(b"/"):
        return True
    names = target.split(b"/")
    while names and names[-1] != b"..":
        names.pop()

    def find_symlink(at: Sequence[bytes]) -> Entry | None:
        """Return other entries as missing ones: what is no directory now may be replaced by one."""
        entry = find(at)
        return entry if entry is not None and entry.kind == Kind.SYMLINK else None

    try:
        resolve(path[:-1], names, find_symlink)
    except _LeadsOutsideError:
        return True
    except _LoopError:
        pass  # it leads nowhere
    return False


def resolve(
    start: Sequence[bytes], path: Sequence[bytes], find: Callable[[Sequence[bytes]], Entry | None]
) -> list[bytes]:
    """Follow a path through symlinks from a directory; a missing entry counts as a directory.

    Raises:
        NotFoundError: A file is used as a directory; or what `find` raises.
        InvalidInputError: The path leads outside, or in circles.
    """
    at, left, links = list(start), deque(path), 0
    while left:
        name = left.popleft()
        if name in {b"", b"."}:
            continue
        if name == b"..":
            if not at:
                raise _leads_outside(path)
            at.pop()
            continue
        at.append(name)
        entry = find(at)
        if entry is None or entry.kind == Kind.DIRECTORY:
            continue
        if entry.kind != Kind.SYMLINK:
            if left:
                raise NotFoundError(f"{quoted(b'/'.join(at))} is a file, and no directory")
            continue
        links += 1
        if links > _MAX_LINKS:
            raise _LoopError(f"{quoted(b'/'.join(path))} goes through symlinks in circles: name another")
        if entry.extra.startswith(b"/"):
            raise _leads_outside(path)
        at.pop()
        left.extendleft(reversed(entry.extra.split(b"/")))
    return at


def _leads_outside(path: Sequence[bytes]) -> _LeadsOutsideError:
    return _LeadsOutsideError(
        f"{quoted(b'/'.join(path))} leads out of the version through a symlink: look with `artfs ls -l`"
    )
