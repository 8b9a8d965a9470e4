"""Status of a draft: its changes since the last commit, or since the version below it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import NamedTuple

from artfs.drafts.commit.dirty_walk import changed_names
from artfs.drafts.commit.ignored import ignore_rules
from artfs.drafts.commit.tree_builder import is_stored
from artfs.drafts.data.refused_writes import is_refused
from artfs.drafts.db.schema import BASE
from artfs.drafts.view import DraftView
from artfs.format.node import Entry, Kind
from artfs.store.tree.pages import Pages

__all__ = ["Change", "SubtreeTotals", "Totals", "changes"]


class Change(NamedTuple):
    """One line of a status.

    Attributes:
        kind: `A` added, `M` modified, `D` removed, `!` bytes that were written are missing: no commit takes it.
        path: With a slash at the end if it is a directory, which then stands for all that is in it.
        size: Bytes of the file now, or of a removed file before; 0 of a directory.
    """

    kind: str
    path: bytes
    size: int


class Totals(NamedTuple):
    """Sums over a path.

    Attributes:
        entries: In the directory and all below; 0 of a file.
        size: Bytes of the files.
    """

    entries: int
    size: int


def changes(draft: DraftView, pages: Pages) -> Iterator[Change]:
    """List what was added, modified and removed, by path; the time grows with that, not with the draft.

    What is ignored counts as not there.

    Args:
        draft: The draft.
        pages: Reads what was committed.

    Raises:
        InvalidInputError: The ignore file has too many patterns.
    """
    names = changed_names(draft)
    rules = ignore_rules(draft)
    stack = [(BASE, b"", rules.top if rules else 0, iter(sorted(names[BASE])))]
    while stack:
        directory, path, states, left = stack[-1]
        name = next(left, None)
        if name is None:
            stack.pop()
            continue
        committed = draft.inode(directory).committed
        found = pages.find(committed.node, name) if committed is not None else None
        old = found[0] if found is not None else None
        ino = draft.find(directory, name)
        inner = 0
        if ino and rules is not None:
            ignored, inner = rules.match(states, name, is_directory=draft.is_directory(ino))
            ino = 0 if ignored else ino
        change = _change(draft, path + name, old, ino)
        if change is not None:
            yield change
        elif ino and draft.is_directory(ino) and ino in names:
            stack.append((ino, path + name + b"/", inner, iter(sorted(names[ino]))))


def _change(draft: DraftView, path: bytes, old: Entry | None, ino: int) -> Change | None:
    """The change of a name since the commit; None if there is none, or only one below it."""
    if not ino:
        return None if old is None else _line("D", path, old.kind == Kind.DIRECTORY, old.size)
    row = draft.inode(ino)
    if is_refused(draft.rows, ino):
        return _line("!", path, False, row.size)  # it is a file
    is_directory = stat.S_ISDIR(row.mode)
    if old is None:
        return _line("A", path, is_directory, row.size)
    if is_directory and old.kind == Kind.DIRECTORY:
        moved = row.committed is None or row.committed.node != old.node
        return _line("M", path, True, 0) if moved or row.mode & 0o1777 != old.mode else None
    base = draft.base_entry(ino)
    if base is not None:
        same = base._replace(name=old.name, mtime_ns=old.mtime_ns) == old
    elif stat.S_ISLNK(row.mode):
        same = old.kind == Kind.SYMLINK and row.target == old.extra
    else:
        same = (
            old.kind == row.content.entry().kind
            and (row.mode & 0o1777, row.size) == (old.mode, old.size)
            and is_stored(draft, ino, row)
            and (not row.size or (row.content.digest, row.content.extra) == (old.digest, old.extra))
        )
    return None if same else _line("M", path, is_directory, row.size)


def _line(kind: str, path: bytes, is_directory: bool, size: int) -> Change:
    return Change(kind, path + b"/" if is_directory else path, 0 if is_directory else size)


class SubtreeTotals:
    """Sums up what was added and removed, in time that grows with the changes.

    Args:
        draft: The draft.
        pages: Reads what was committed.
    """

    def __init__(self, draft: DraftView, pages: Pages) -> None:
        self._draft = draft
        self._pages = pages
        self._changed = changed_names(draft)
        self._rules = ignore_rules(draft)

    def total_of(self, change: Change) -> Totals:
        """The entries and bytes that a change adds or removes; none of a directory that was only modified."""
        if not change.path.endswith(b"/"):
            return Totals(0, change.size)
        *above, name = change.path[:-1].split(b"/")
        directory = BASE
        states = self._rules.top if self._rules is not None else 0
        for part in above:
            directory = self._draft.find(directory, part)
            states = self._inner(states, part)
        match change.kind:
            case "A":
                return self._below(self._draft.find(directory, name), self._inner(states, name))
            case "D":
                return self._committed(directory, name)
            case _:
                return Totals(0, 0)

    def _inner(self, states: int, name: bytes) -> int:
        return self._rules.match(states, name, is_directory=True)[1] if self._rules is not None else 0

    def _below(self, top: int, states: int) -> Totals:
        entries = size = 0
        stack = [(top, states)]
        while stack:
            directory, states = stack.pop()
            committed = self._draft.inode(directory).committed
            if committed is not None and directory not in self._changed:
                entries += committed.below
                size += committed.size
                continue
            for name, ino in self._draft.names_in(directory):
                is_directory = self._draft.is_directory(ino)
                ignored, inner = False, 0
                if self._rules is not None:
                    ignored, inner = self._rules.match(states, name, is_directory=is_directory)
                if ignored:
                    continue
                entries += 1
                if is_directory:
                    stack.append((ino, inner))
                else:
                    size += self._draft.inode(ino).size
        return Totals(entries, size)

    def _committed(self, directory: int, name: bytes) -> Totals:
        committed = self._draft.inode(directory).committed
        found = self._pages.find(committed.node, name) if committed is not None else None
        if found is None or found[0].kind != Kind.DIRECTORY:
            return Totals(0, 0)
        return Totals(found[0].below, found[0].size)
