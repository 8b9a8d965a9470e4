"""Transactions over the rows of a draft: changes are buffered, then applied all or none.

Each request that changes something is one transaction and one record of the redo log. So no request is half done,
whatever ends the process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from msgspec.structs import replace

from artfs.drafts.db.database import DraftDatabase
from artfs.drafts.db.schema import (
    BASE,
    META_DAMAGE,
    META_ORIGIN,
    META_STATE,
    DraftCounters,
    InodeRow,
    Origin,
    decode_state,
    dirty_dentry_key,
    dirty_inode_key,
    encode_row,
    inode_key,
    link_key,
    reader_key,
    writer_key,
)
from artfs.drafts.namespace.inodes import InodeTable

__all__ = ["IDS_RESERVED", "Transaction", "Transactions"]

IDS_RESERVED: Final = 1024
_DIRTY_CACHED: Final = 200_000


class Transactions:
    """Begins transactions, and keeps what outlives them: ids, generation, known dirty rows.

    - An id (of an inode, a data file or a place in a listing) is given once, also across processes: ids are reserved in
      blocks, and a block is on record before an id of it is used.

    Args:
        database: The draft's rows.
        inodes: The same rows decoded and cached; commits update it.

    Attributes:
        counters: As they are in the database.
        known_dirty: Keys of dirty rows of this generation that are in the database.
    """

    def __init__(self, database: DraftDatabase, inodes: InodeTable) -> None:
        self.database = database
        self.inodes = inodes
        self.counters = decode_state(database.get(META_STATE) or b"")
        self.known_dirty: set[bytes] = set()
        self._next = {
            "ino": self.counters.next_ino,
            "data": self.counters.next_data,
            "cookie": self.counters.next_cookie,
        }

    def begin(self, *, releases_space: bool = False) -> Transaction:
        """Begin a transaction.

        Args:
            releases_space: It may use the space that the redo log keeps for removing things from a full disk.
        """
        return Transaction(self, releases_space)

    def next_id(self, kind: str) -> tuple[int, bool]:
        """Give an id; also whether a new block has to be reserved with it."""
        value = self._next[kind]
        self._next[kind] = value + 1
        return value, value >= getattr(self.counters, f"next_{kind}")

    def reserved(self) -> DraftCounters:
        """The counters with the next block of each kind of id reserved."""
        return replace(self.counters, **{f"next_{kind}": value + IDS_RESERVED for kind, value in self._next.items()})

    def begin_generation(self) -> int:
        """End the current generation, which it returns, and begin the next.

        Raises:
            OSError: The disk said no; nothing has changed.
        """
        ended = self.counters.generation
        following = replace(self.reserved(), generation=ended + 1)
        self.database.apply([(META_STATE, encode_row(following))])
        self.counters = following
        self.known_dirty.clear()
        return ended

    def end_commit(self, generation: int, origin: Origin) -> None:
        """Record that the changes up to a generation are in a version, which is the base now.

        If the draft was damaged, that was accepted.
        """
        counters = replace(self.counters, committed=generation)
        rows = [(META_ORIGIN, encode_row(origin)), (META_STATE, encode_row(counters)), (META_DAMAGE, None)]
        self.database.apply(rows)
        self.counters = counters


class Transaction:
    """One transaction. `get` and `inode` see its changes; range reads of the database do not.

    A transaction that is dropped without a `commit` changes nothing.

    Attributes:
        generation: The one that its changes belong to.
        releases_space: It may use the space that the redo log keeps for removing things from a full disk.
    """

    def __init__(self, transactions: Transactions, releases_space: bool) -> None:
        self._transactions = transactions
        self._table = transactions.inodes
        self._rows: dict[bytes, bytes | None] = {}
        self._inodes: dict[int, InodeRow | None] = {}
        self._counters: DraftCounters | None = None
        self._dirty: list[bytes] = []
        self._after_commit: list[Callable[[], None]] = []
        self.generation = transactions.counters.generation
        self.releases_space = releases_space

    def get(self, key: bytes) -> bytes | None:
        """The value of a key as it will be."""
        return self._rows[key] if key in self._rows else self._transactions.database.get(key)

    def put(self, key: bytes, value: bytes = b"") -> None:
        """Set a row."""
        self._rows[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a row."""
        self._rows[key] = None

    def inode(self, ino: int) -> InodeRow:
        """An inode as it will be."""
        row = self._inodes.get(ino)
        return self._table.get(ino) if row is None else row

    def set_inode(self, ino: int, row: InodeRow) -> None:
        """Set an inode. The first row of an inode of the base comes with a row for its name."""
        if ino > BASE and ino not in self._inodes and not self._table.has_row(ino):
            parent, name = self._table.base.name_of(ino)
            self.put(link_key(ino, parent, name))
        self._inodes[ino] = row

    def delete_inode(self, ino: int) -> None:
        """Remove an inode."""
        self._inodes[ino] = None

    def allocate(self, kind: Literal["ino", "data", "cookie"]) -> int:
        """Allocate the id of an inode, of a data file, or of a place in a listing."""
        value, unreserved = self._transactions.next_id(kind)
        if unreserved:
            self._counters = self._transactions.reserved()
        return value

    def mark_inode(self, ino: int) -> None:
        """Mark an inode as dirty: the next commit has to look at it."""
        self._mark(dirty_inode_key(self.generation, ino))

    def mark_name(self, directory: int, name: bytes) -> None:
        """Mark a name as dirty: the next commit has to look at it."""
        self._mark(dirty_dentry_key(self.generation, directory, name))

    def mark_writer(self, run: str) -> None:
        """Mark a run as one that wrote: the next commit makes its version an output of it."""
        self._mark(writer_key(self.generation, run))

    def mark_reader(self, run: str) -> None:
        """Mark a run as one that read what was committed: it used that, if the next version is an output of it."""
        self._mark(reader_key(self.generation, run))

    def _mark(self, key: bytes) -> None:
        if key not in self._transactions.known_dirty:
            self._rows[key] = b""
            self._dirty.append(key)

    def on_commit(self, action: Callable[[], None]) -> None:
        """Call something once the transaction is committed; not if it fails."""
        self._after_commit.append(action)

    def commit(self) -> None:
        """Apply all changes as one record of the redo log.

        Raises:
            OSError: The disk said no; nothing has changed.
        """
        changes = list(self._rows.items())
        for ino, row in self._inodes.items():
            changes.append((inode_key(ino), None if row is None else encode_row(row)))
        if self._counters is not None:
            changes.append((META_STATE, encode_row(self._counters)))
        if changes:
            self._transactions.database.apply(changes, releases_space=self.releases_space)
        for ino, row in self._inodes.items():
            self._table.update(ino, row)
        if self._counters is not None:
            self._transactions.counters = self._counters
        if self._dirty:
            known = self._transactions.known_dirty
            if len(known) > _DIRTY_CACHED:
                known.clear()
            known.update(self._dirty)
        for action in self._after_commit:
            action()
