"""Merge a tree that is to become a version with a version that came meanwhile."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from artfs.errors import InvalidInputError, MergeConflictError
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.names import quoted
from artfs.store.tree.build import NodeSink
from artfs.store.tree.merge import MergeConflict, merge_trees
from artfs.store.tree.merge_choices import MergeChoices
from artfs.store.tree.pages import Pages

__all__ = ["merge_with"]

_NAMED_AT_MOST: Final = 5


def merge_with(
    theirs: Entry,
    ref: str,
    ours: Tree,
    base: Entry | None,
    pages: Pages,
    sink: NodeSink,
    choices: MergeChoices,
    *,
    ways_on: str,
) -> Tree:
    """Put the changes from one tree to another onto a version.

    Args:
        theirs: The root directory of the version.
        ref: Its name, for the message.
        ours: The tree with the changes.
        base: The root directory that they were made in; None: nothing.
        pages: Reads all three.
        sink: Receives the new pages.
        choices: Which side to take at conflicts.
        ways_on: How to choose, for the message.

    Raises:
        InvalidInputError: A side was chosen for a path at which there is no conflict.
        MergeConflictError: Names were changed in both, each in its own way.
    """
    top = Entry(b"", Kind.DIRECTORY, ours.mode, ours.mtime_ns, ours.size, ours.digest, ours.entries, ours.root)
    merged = merge_trees(base, top, theirs, pages, sink, choices)
    if merged.conflicts:
        raise _conflict_error(merged.conflicts, ref, ways_on)
    if choices.unused:
        named = ", ".join(map(quoted, choices.unused))
        raise InvalidInputError(
            f"nothing was committed, since nothing was changed both here and in {ref} at {named}: leave"
            f" {'that' if len(choices.unused) == 1 else 'those'} out of mine and theirs"
        )
    root = merged.root
    return Tree(root.node, root.digest, root.size, root.below, root.mode, root.mtime_ns)


def _conflict_error(conflicts: Sequence[MergeConflict], ref: str, ways_on: str) -> MergeConflictError:
    count = len(conflicts)
    named = ", ".join(
        f"{quoted(conflict.path)} (you: {_WORDS[conflict.ours]}, {ref.rpartition(':')[2]}: {_WORDS[conflict.theirs]})"
        for conflict in conflicts[:_NAMED_AT_MOST]
    )
    more = f" and {count - _NAMED_AT_MOST:,} more" if count > _NAMED_AT_MOST else ""
    return MergeConflictError(
        f"{count:,} {'path was' if count == 1 else 'paths were'} changed both here and in {ref}, and nothing was"
        f" committed: {named}{more}; {ways_on}",
        {os.fsdecode(conflict.path): (conflict.ours, conflict.theirs) for conflict in conflicts},
    )


_WORDS: Final = {"added": "added", "removed": "removed", "modified": "changed"}
