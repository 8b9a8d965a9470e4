"""What was changed in a draft since its last commit, or since the version that it was made from."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import NamedTuple

from artfs.format.node import Entry, Kind
from artfs.store.tree.pages import Pages
from artfs.vfs.draft.build import is_stored
from artfs.vfs.draft.changes import changed_names
from artfs.vfs.draft.rows import BASE
from artfs.vfs.draft.tree import DraftTree

__all__ = ["Change", "changes"]


class Change(NamedTuple):
    """One line of a status.

    Attributes:
        kind: `A` added, `M` modified, `D` removed.
        path: With a slash behind it if it is a directory, which then stands for all that is in it.
        size: Bytes of the file now; of a removed one, before; 0 of a directory.
    """

    kind: str
    path: bytes
    size: int


def changes(draft: DraftTree, pages: Pages) -> Iterator[Change]:
    """What was added, modified and removed, by path; in time that grows with that, not with the draft.

    Args:
        draft: The draft.
        pages: Reads what was committed.
    """
    names = changed_names(draft)
    stack = [(BASE, b"", iter(sorted(names[BASE])))]
    while stack:
        directory, path, left = stack[-1]
        name = next(left, None)
        if name is None:
            stack.pop()
            continue
        committed = draft.inode(directory).committed
        found = pages.find(committed.node, name) if committed is not None else None
        old = found[0] if found is not None else None
        ino = draft.find(directory, name)
        change = _change(draft, path + name, old, ino)
        if change is not None:
            yield change
        elif ino and draft.is_directory(ino) and ino in names:
            stack.append((ino, path + name + b"/", iter(sorted(names[ino]))))


def _change(draft: DraftTree, path: bytes, old: Entry | None, ino: int) -> Change | None:
    """How a name differs from what was committed; None if it does not, or only in what is below it."""
    if not ino:
        return None if old is None else _line("D", path, old.kind == Kind.DIRECTORY, old.size)
    row = draft.inode(ino)
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
