"""Three-way merge of trees by entries, in time that grows with the changes: equal pages are never read.

A name that only one side changed since the base becomes as that side has it. One that both changed is no conflict where
both made the same of it, or both have a directory, which is merged in turn. Times alone are no change: they give way to
one. A moved entry is one name less and one name more. At a conflict the side is taken that was chosen for its path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import eq
from typing import Final, Literal, TypeVar

from artfs.format.node import Entry, Kind
from artfs.store.tree.build import Change, NodeSink, as_directory, edit_directory
from artfs.store.tree.diff import compare_directories, equal_but_for_times
from artfs.store.tree.merge_choices import MergeChoices, Side
from artfs.store.tree.pages import Pages

__all__ = ["MergeConflict", "MergedTree", "merge_trees"]

T = TypeVar("T")

What = Literal["added", "removed", "modified"]


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """A name that both sides changed, each in its own way.

    Attributes:
        path: From the root. With a slash at the end: both sides have a directory there, of different modes.
        ours: What our side did with it.
        theirs: What the other side did.
    """

    path: bytes
    ours: What
    theirs: What


@dataclass(frozen=True, slots=True)
class MergedTree:
    """Result of a merge.

    Attributes:
        root: The merged root directory; with conflicts the root of the other side.
        conflicts: By path; with any, nothing was written.
    """

    root: Entry
    conflicts: list[MergeConflict]


@dataclass(slots=True)
class _Directory:
    """A directory that both sides changed.

    Attributes:
        path: With a slash at the end; empty for the root.
        base: Topmost page of the base; None: it has no directory there.
        ours: Topmost page of our side.
        theirs: Topmost page of the other side.
        merged: The entry to be, but for its contents.
        parent: The directory that has it; None: it is the root.
        changes: Names to set in the directory of the other side.
    """

    path: bytes
    base: bytes | None
    ours: bytes
    theirs: bytes
    merged: Entry
    parent: _Directory | None
    changes: dict[bytes, Change] = field(default_factory=dict)


def merge_trees(
    base: Entry | None, ours: Entry, theirs: Entry, pages: Pages, sink: NodeSink, choices: MergeChoices | None = None
) -> MergedTree:
    """Merge two trees that were made from one.

    Args:
        base: The root directory that both were made from; None: nothing.
        ours: The root directory of our side.
        theirs: The root directory of the other side.
        pages: Reads all three.
        sink: Receives the new pages.
        choices: Which side to take at conflicts; at others there is one.
    """
    return _Merge(pages, choices or MergeChoices()).run(base, ours, theirs, sink)


class _Merge:
    """One merge: finds what both sides changed, parents first, then builds, parents last."""

    def __init__(self, pages: Pages, choices: MergeChoices) -> None:
        self._pages = pages
        self._choices = choices
        self._directories: list[_Directory] = []
        self._conflicts: list[MergeConflict] = []

    def run(self, base: Entry | None, ours: Entry, theirs: Entry, sink: NodeSink) -> MergedTree:
        """Merge, as `merge_trees`."""
        self._add_directory(b"", base, ours, theirs, None)
        for directory in self._directories:  # grows meanwhile
            self._find_changes(directory)
        if self._conflicts:
            return MergedTree(theirs, sorted(self._conflicts, key=lambda conflict: conflict.path))
        root = theirs
        for directory in reversed(self._directories):
            changes = directory.changes
            node = directory.theirs
            top = edit_directory(node, changes, self._pages, sink) if changes else self._pages.top(node)
            root = as_directory(directory.merged, top)
            if directory.parent is not None:
                directory.parent.changes[root.name] = root
        return MergedTree(root, [])

    def _add_directory(
        self, path: bytes, base: Entry | None, ours: Entry, theirs: Entry, parent: _Directory | None
    ) -> None:
        old = base if base is not None and base.kind == Kind.DIRECTORY else None
        mode = _merge_value(None if old is None else old.mode, ours.mode, theirs.mode)
        if mode is None:
            side = self._side_at_conflict(path or b"./", base, ours, theirs)
            mode = ours.mode if side == "mine" else theirs.mode
        mtime_ns = _merge_value(None if old is None else old.mtime_ns, ours.mtime_ns, theirs.mtime_ns)
        if mtime_ns is None:
            mtime_ns = max(ours.mtime_ns, theirs.mtime_ns)
        merged = theirs._replace(mode=mode, mtime_ns=mtime_ns)
        node = None if old is None else old.node
        self._directories.append(_Directory(path, node, ours.node, theirs.node, merged, parent))

    def _find_changes(self, directory: _Directory) -> None:
        """Find the names to set, the directories to merge and the conflicts in one directory."""
        theirs = {
            (old or new or _NOTHING).name: new
            for old, new in compare_directories(directory.base, directory.theirs, self._pages, eq)
        }
        for old, new in compare_directories(directory.base, directory.ours, self._pages, eq):
            name = (old or new or _NOTHING).name
            if name in theirs:
                self._merge_entry(directory, name, old, new, theirs[name])
            else:
                directory.changes[name] = new

    def _merge_entry(
        self, directory: _Directory, name: bytes, base: Entry | None, ours: Entry | None, theirs: Entry | None
    ) -> None:
        """Merge a name that both sides changed, be it in times only."""
        path = directory.path + name
        if ours is not None and theirs is not None and ours.kind == theirs.kind == Kind.DIRECTORY:
            if ours != theirs:
                self._add_directory(path + b"/", base, ours, theirs, directory)
        elif _same(ours, theirs) or _same(base, ours):
            pass
        elif _same(base, theirs) or self._side_at_conflict(path, base, ours, theirs) == "mine":
            directory.changes[name] = ours

    def _side_at_conflict(
        self, path: bytes, base: Entry | None, ours: Entry | None, theirs: Entry | None
    ) -> Side | None:
        """Return the side to take; None: that was not decided, and the conflict is noted."""
        side = self._choices.side_of(path)
        if side is None:
            self._conflicts.append(MergeConflict(path, _what(base, ours), _what(base, theirs)))
        return side


def _merge_value(base: T | None, ours: T, theirs: T) -> T | None:
    """Merge a value; None if both sides changed it, each in its own way."""
    if ours in (base, theirs):
        return theirs
    return ours if theirs == base else None


def _same(a: Entry | None, b: Entry | None) -> bool:
    if a is None or b is None:
        return a is b
    return equal_but_for_times(a, b)


def _what(base: Entry | None, now: Entry | None) -> What:
    if base is None:
        return "added"
    return "removed" if now is None else "modified"


_NOTHING: Final = Entry(b"", Kind.FILE, 0, 0, 0, b"")
