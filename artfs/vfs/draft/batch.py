"""A change to a draft: rows gathered first, then applied all or none, so that no request is half done."""

from __future__ import annotations

from typing import Final, Protocol

from artfs.vfs.draft.base import BaseTree
from artfs.vfs.draft.inodes import Inodes
from artfs.vfs.draft.rows import (
    BASE,
    META_STATE,
    InodeRow,
    Rows,
    State,
    dirty_dentry_key,
    dirty_inode_key,
    encode_row,
    inode_key,
    link_key,
)

__all__ = ["Batch", "Counters", "Database"]

_BLOCK: Final = 1024
_MARKS_HELD: Final = 200_000


class Database(Rows, Protocol):
    """What changes are applied to; `DraftDatabase` is the real one."""

    def apply(self, changes: list[tuple[bytes, bytes | None]], /, *, frees: bool = False) -> None:
        """Make changes, all or none; None deletes. Those that give back room succeed on a full disk."""
        ...


class Counters:
    """Numbers that are given once: of inodes, data files and places in listings; and the generation.

    Attributes:
        state: As it is in the database.
        marks: Dirty rows of this generation that are known to be in the database.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.marks: set[bytes] = set()
        self._next = {"ino": state.next_ino, "data": state.next_data, "cookie": state.next_cookie}

    def take(self, kind: str) -> tuple[int, bool]:
        """Take a number of a kind, and tell whether the state has to be written before it may be used."""
        value = self._next[kind]
        self._next[kind] = value + 1
        return value, value >= getattr(self.state, f"next_{kind}")

    def reserved(self) -> State:
        """The state with the next block of each kind reserved."""
        nexts = {f"next_{kind}": value + _BLOCK for kind, value in self._next.items()}
        return State(self.state.generation, self.state.committed, **nexts)


class Batch:
    """One change. Reads see what was put before; listings (`items`, `floor` of the database) do not.

    Args:
        database: Where it goes.
        inodes: Rows by number, held.
        counters: Numbers that are given once.
        base: The tree under the draft.

    Attributes:
        frees: It gives back room.
    """

    def __init__(self, database: Database, inodes: Inodes, counters: Counters, base: BaseTree) -> None:
        self._database = database
        self._held = inodes
        self._counters = counters
        self._base = base
        self._rows: dict[bytes, bytes | None] = {}
        self._inodes: dict[int, InodeRow | None] = {}
        self._state: State | None = None
        self.frees = False

    def get(self, key: bytes) -> bytes | None:
        """The value of a key as it will be."""
        return self._rows[key] if key in self._rows else self._database.get(key)

    def put(self, key: bytes, value: bytes = b"") -> None:
        """Set a row."""
        self._rows[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a row."""
        self._rows[key] = None

    def inode(self, ino: int) -> InodeRow:
        """An inode as it will be."""
        row = self._inodes.get(ino)
        return self._held.get(ino) if row is None else row

    def set_inode(self, ino: int, row: InodeRow) -> None:
        """Set an inode. One of the base gets its name with its first row."""
        if ino > BASE and ino not in self._inodes and not self._held.is_own(ino):
            parent, name = self._base.name_of(ino)
            self.put(link_key(ino, parent, name))
        self._inodes[ino] = row

    def drop_inode(self, ino: int) -> None:
        """Remove an inode."""
        self._inodes[ino] = None

    def take(self, kind: str) -> int:
        """A number that was never given before: of an `ino`, a `data` file or a `cookie`."""
        value, unreserved = self._counters.take(kind)
        if unreserved:
            self._state = self._counters.reserved()
        return value

    @property
    def generation(self) -> int:
        """The one that changes go into."""
        return self._counters.state.generation

    def mark_inode(self, ino: int) -> None:
        """Note that a commit has to look at an inode."""
        self._mark(dirty_inode_key(self.generation, ino))

    def mark_name(self, directory: int, name: bytes) -> None:
        """Note that a commit has to look at a name."""
        self._mark(dirty_dentry_key(self.generation, directory, name))

    def _mark(self, key: bytes) -> None:
        if key not in self._counters.marks:
            self._rows[key] = b""

    def apply(self) -> None:
        """Make the change.

        Raises:
            OSError: The disk said no; nothing has changed.
        """
        changes = list(self._rows.items())
        for ino, row in self._inodes.items():
            changes.append((inode_key(ino), None if row is None else encode_row(row)))
        if self._state is not None:
            changes.append((META_STATE, encode_row(self._state)))
        if not changes:
            return
        self._database.apply(changes, frees=self.frees)
        for ino, row in self._inodes.items():
            self._held.keep(ino, row)
        if self._state is not None:
            self._counters.state = self._state
        marks = self._counters.marks
        if len(marks) > _MARKS_HELD:
            marks.clear()
        marks.update(key for key in self._rows if key[:1] in b"YZ")
