"""How much is in a directory of a draft that a status tells of in one line."""

from __future__ import annotations

from typing import NamedTuple

from artfs.format.node import Kind
from artfs.store.tree.pages import Pages
from artfs.vfs.draft.changes import changed_names
from artfs.vfs.draft.rows import BASE
from artfs.vfs.draft.status import Change
from artfs.vfs.draft.tree import DraftTree

__all__ = ["Scale", "Weight"]


class Weight(NamedTuple):
    """What a path comes to.

    Attributes:
        entries: In the directory and all below; 0 of a file.
        size: Bytes of the files.
    """

    entries: int
    size: int


class Scale:
    """Weighs what was added and removed, in time that grows with what was changed.

    Args:
        draft: The draft.
        pages: Reads what was committed.
    """

    def __init__(self, draft: DraftTree, pages: Pages) -> None:
        self._draft = draft
        self._pages = pages
        self._changed = changed_names(draft)

    def weigh(self, change: Change) -> Weight:
        """What a change adds or removes; of a directory that was only modified, nothing."""
        if not change.path.endswith(b"/"):
            return Weight(0, change.size)
        *above, name = change.path[:-1].split(b"/")
        directory = BASE
        for part in above:
            directory = self._draft.find(directory, part)
        match change.kind:
            case "A":
                return self._below(self._draft.find(directory, name))
            case "D":
                return self._before(directory, name)
            case _:
                return Weight(0, 0)

    def _below(self, top: int) -> Weight:
        entries = size = 0
        stack = [top]
        while stack:
            directory = stack.pop()
            committed = self._draft.inode(directory).committed
            if committed is not None and directory not in self._changed:
                entries += committed.below
                size += committed.size
                continue
            for _name, ino in self._draft.names_in(directory):
                entries += 1
                if self._draft.is_directory(ino):
                    stack.append(ino)
                else:
                    size += self._draft.inode(ino).size
        return Weight(entries, size)

    def _before(self, directory: int, name: bytes) -> Weight:
        committed = self._draft.inode(directory).committed
        found = self._pages.find(committed.node, name) if committed is not None else None
        if found is None or found[0].kind != Kind.DIRECTORY:
            return Weight(0, 0)
        return Weight(found[0].below, found[0].size)
