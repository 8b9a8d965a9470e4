"""Walk over a frozen draft: the directories and names that may differ from the last commit.

The dirty rows name inodes and names. From each of them the walk follows names up to the draft's own directory, so the
work grows with the changes and their depth only. Paths that `.artfsignore` at the top of the draft matches, in the
patterns of gitignore(5), are in no version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from artfs.drafts.commit.ignored import ignore_rules
from artfs.drafts.db.schema import BASE, u64_key
from artfs.drafts.view import DraftView
from artfs.ignore_rules import IGNORE_FILE, IgnoreRules

__all__ = ["ChangedDirectory", "DirtyWalk", "changed_names", "directories_to_build"]


@dataclass(slots=True)
class ChangedDirectory:
    """A directory that gets new pages in the next version.

    Attributes:
        ino: Its inode.
        path: Of the directory, with a slash at the end; empty for the draft's own.
        states: Of the ignore rules, for the names in it.
        names: Names to set in the directory as it was committed, by inode; 0 removes the name.
    """

    ino: int
    path: bytes
    states: int = 0
    names: dict[bytes, int] = field(default_factory=dict)


@dataclass(slots=True)
class DirtyWalk:
    """What a commit has to build.

    Attributes:
        directories: Parents first, the draft's own at the beginning.
        is_complete: They have all their names, so that the last version does not matter.
        found_ignored: Something that is ignored has changed.
        found_files: So has a file or symlink that is not.
    """

    directories: list[ChangedDirectory]
    is_complete: bool = False
    found_ignored: bool = False
    found_files: bool = False


def changed_names(draft: DraftView) -> dict[int, set[bytes]]:
    """Names that may have changed since the last commit, by directory, also by removed ones."""
    names: dict[int, set[bytes]] = {}
    inodes: list[int] = []
    start = _first_dirty(draft)
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


def directories_to_build(draft: DraftView) -> DirtyWalk:
    """Find the directories that a commit builds.

    They are those with changes, with their changed names; or all with all names, where ignore patterns may now match
    other paths than at the last commit.

    Raises:
        InvalidInputError: The ignore file has too many patterns.
    """
    rules = ignore_rules(draft)
    names = changed_names(draft)

    def changed_in(directory: int) -> dict[bytes, int]:
        return {name: draft.find(directory, name) for name in names[directory]}

    if IGNORE_FILE in names[BASE] or (rules is not None and _has_moved_directory(draft)):
        walk = _walk(draft, lambda directory: dict(draft.names_in(directory)), lambda _ino: True, rules)
        walk.is_complete = True
        return walk
    return _walk(draft, changed_in, lambda ino: ino in names, rules)


def _walk(
    draft: DraftView,
    names_in: Callable[[int], dict[bytes, int]],
    is_wanted: Callable[[int], bool],
    rules: IgnoreRules | None,
) -> DirtyWalk:
    dirty = {int.from_bytes(key[8:16]) for key, _nothing in draft.rows.items(b"Y", _first_dirty(draft))}
    walk = DirtyWalk([ChangedDirectory(BASE, b"", rules.top if rules is not None else 0)])
    for directory in walk.directories:  # grows meanwhile
        for name, ino in names_in(directory.ino).items():
            is_directory = bool(ino) and draft.is_directory(ino)
            ignored, states = False, 0
            if rules is not None:
                ignored, states = rules.match(directory.states, name, is_directory=is_directory)
            if ignored:
                walk.found_ignored = True
                directory.names[name] = 0
                continue
            directory.names[name] = ino
            walk.found_files |= ino in dirty and not is_directory
            if is_directory and is_wanted(ino):
                walk.directories.append(ChangedDirectory(ino, directory.path + name + b"/", states))
    return walk


def _first_dirty(draft: DraftView) -> bytes:
    """The key at which the dirty rows since the last commit begin."""
    return u64_key(draft.counters.committed + 1)


def _has_moved_directory(draft: DraftView) -> bool:
    """Return whether a directory that was there at the last commit, ignored or not, may have another path since."""
    names: set[tuple[int, bytes]] = set()
    for key, _nothing in draft.rows.items(b"Z", _first_dirty(draft)):
        names.add((int.from_bytes(key[8:16]), key[16:]))
    for directory, name in names:
        try:
            ino = draft.find(directory, name)
        except OSError:  # the directory was removed
            continue
        if ino and draft.is_directory(ino):
            if draft.inode(ino).committed is not None:
                return True
            # No version has it: it is new, or it was ignored. All names in a new directory are new.
            if any((ino, below) not in names for below, _ino in draft.names_in(ino)):
                return True
    return False
