"""What is to be looked at in a frozen draft: which names in which directories may differ from the last commit.

The dirty rows name inodes and names. From each, the way up to the draft's own directory is followed by names, so the
work grows with the changes and their depth, and with nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from artfs.vfs.draft.rows import BASE, number
from artfs.vfs.draft.tree import DraftTree

__all__ = ["ChangedDirectory", "Ignore", "changed_names", "has_moved_directory", "walk_all", "walk_changed"]

Ignore = Callable[[bytes, bool], bool]
"""Whether a path (and whether it is a directory) is to be left out."""


@dataclass(slots=True)
class ChangedDirectory:
    """A directory to be made anew.

    Attributes:
        ino: Its inode.
        path: Of the directory, with a slash behind it, empty for the draft's own.
        names: To be set or removed (0) in what was committed of it, by inode.
    """

    ino: int
    path: bytes
    names: dict[bytes, int] = field(default_factory=dict)


def changed_names(draft: DraftTree) -> dict[int, set[bytes]]:
    """Names that may have changed since the last commit, by directory; those of removed directories among them."""
    names: dict[int, set[bytes]] = {}
    inodes: list[int] = []
    start = number(draft.state.committed + 1)
    for key, _nothing in draft.rows.items(b"Z", start):
        directory, name = int.from_bytes(key[8:16]), key[16:]
        if directory not in names:
            names[directory] = set()
            inodes.append(directory)
        names[directory].add(name)
    inodes += [int.from_bytes(key[8:16]) for key, _nothing in draft.rows.items(b"Y", start)]
    seen: set[int] = set()
    while inodes:
        ino = inodes.pop()
        if ino == BASE or ino in seen:
            continue
        seen.add(ino)
        for directory, name in draft.names_of(ino):
            names.setdefault(directory, set()).add(name)
            inodes.append(directory)
    names.setdefault(BASE, set())
    return names


def walk_changed(draft: DraftTree, ignore: Ignore | None) -> list[ChangedDirectory]:
    """The directories that a commit has to make anew, parents first."""
    names = changed_names(draft)

    def looked_at(directory: int) -> dict[bytes, int]:
        return {name: draft.find(directory, name) for name in names[directory]}

    return _walk(draft, looked_at, lambda ino: ino in names, ignore)


def walk_all(draft: DraftTree, ignore: Ignore | None) -> list[ChangedDirectory]:
    """All directories with all their names, parents first."""
    return _walk(draft, lambda directory: dict(draft.names_in(directory)), lambda _ino: True, ignore)


def _walk(
    draft: DraftTree,
    names_in: Callable[[int], dict[bytes, int]],
    is_wanted: Callable[[int], bool],
    ignore: Ignore | None,
) -> list[ChangedDirectory]:
    found = [ChangedDirectory(BASE, b"")]
    for directory in found:  # grows meanwhile
        for name, ino in names_in(directory.ino).items():
            path = directory.path + name
            is_directory = bool(ino) and draft.is_directory(ino)
            if ino and ignore is not None and ignore(path, is_directory):
                directory.names[name] = 0
                continue
            directory.names[name] = ino
            if is_directory and is_wanted(ino):
                found.append(ChangedDirectory(ino, path + b"/"))
    return found


def has_moved_directory(draft: DraftTree) -> bool:
    """Whether a directory that was there at the last commit, ignored or not, may have another path since."""
    names: set[tuple[int, bytes]] = set()
    for key, _nothing in draft.rows.items(b"Z", number(draft.state.committed + 1)):
        names.add((int.from_bytes(key[8:16]), key[16:]))
    for directory, name in names:
        try:
            ino = draft.find(directory, name)
        except OSError:  # the directory was removed
            continue
        if ino and draft.is_directory(ino):
            if draft.inode(ino).committed is not None:
                return True
            # No version has it: it is new, or it was ignored. All that is in a new one is new.
            if any((ino, below) not in names for below, _ino in draft.names_in(ino)):
                return True
    return False
