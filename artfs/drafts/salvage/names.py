"""Names and inodes of a draft after records of its redo log were lost.

The names in directories decide: inodes get the links and counts that follow from them. A name that leads to nothing is
dropped, and what has lost all its names, or is in no directory that can be reached, gets one in `lost+found`.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from artfs.drafts.db.schema import (
    BASE,
    Dentry,
    InodeRow,
    RowReader,
    decode_dentry,
    decode_inode,
    dentry_key,
    encode_dentry,
    encode_row,
    inode_key,
    link_key,
    order_key,
    orphan_key,
)
from artfs.drafts.namespace.inodes import BaseTree, inode_from_entry
from artfs.errors import NotFoundError

__all__ = ["LOST_AND_FOUND", "NameSalvage"]

LOST_AND_FOUND: Final = b"lost+found"


class NameSalvage:
    """Decides which names and inodes a damaged draft has.

    Args:
        rows: The draft's rows.
        base: The tree under it.
        owner: User and group of what is made.
        next_ino: No inode number from here on was given.
        next_cookie: No place in a listing from here on was given.

    Attributes:
        inodes: All inodes that have or get a row.
        names: All names that have or get a row.
        nameless: Inodes that get a name in `lost+found`.
    """

    def __init__(
        self, rows: RowReader, base: BaseTree, owner: tuple[int, int], next_ino: int, next_cookie: int
    ) -> None:
        self._rows = rows
        self._base = base
        self._owner = owner
        self._next_ino = next_ino
        self._next_cookie = next_cookie
        self.inodes = {int.from_bytes(key): decode_inode(value) for key, value in rows.items(b"I")}
        self.names: dict[tuple[int, bytes], Dentry] = {}
        self._links: dict[int, list[tuple[int, bytes]]] = {}
        self.nameless: list[int] = []
        for key, value in rows.items(b"D"):
            self._add(int.from_bytes(key[:8]), key[8:], decode_dentry(value))
        for ino in [ino for ino in self.inodes if ino > BASE]:
            self._add_base_name(ino)
        self._give_directories_one_name()
        self._name_nameless()

    def changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Rows to change; of inodes, names, places in listings, and orphans."""
        rows = {inode_key(ino): encode_row(row) for ino, row in self._counted()}
        rows |= {dentry_key(*name): encode_dentry(dentry) for name, dentry in self.names.items()}
        rows |= {order_key(name[0], dentry.cookie): name[1] for name, dentry in self.names.items() if dentry.cookie}
        rows |= {link_key(ino, *name): b"" for ino, names in self._links.items() for name in names}
        rows |= {orphan_key(ino): b"" for ino, row in self.inodes.items() if ino < BASE and not self._count(ino, row)}
        for table in (b"I", b"D", b"O", b"L", b"X"):
            for key, _value in self._rows.items(table):
                if table + key not in rows:
                    yield table + key, None
        yield from rows.items()

    def _add(self, directory: int, name: bytes, dentry: Dentry) -> None:
        parent = self._inode(directory) or (self._directory() if directory < BASE else None)
        if parent is None or not stat.S_ISDIR(parent.mode):
            return
        self.inodes[directory] = parent
        row = self._inode(dentry.ino) if dentry.ino else None
        if row is not None:
            self.inodes[dentry.ino] = row
            self._links.setdefault(dentry.ino, []).append((directory, name))
            self.names[directory, name] = dentry
        elif not dentry.cookie:
            self.names[directory, name] = Dentry(0, 0)

    def _inode(self, ino: int) -> InodeRow | None:
        """The row of an inode, or what the base has of it; None if there is none."""
        found = self.inodes.get(ino)
        if found is not None or ino < BASE:
            return found
        try:
            return inode_from_entry(self._base.entry(ino), self._owner)
        except NotFoundError:
            return None

    def _directory(self) -> InodeRow:
        now = time.time_ns()
        return InodeRow(stat.S_IFDIR | 0o755, *self._owner, 1, 0, now, now, now)

    def _add_base_name(self, ino: int) -> None:
        try:
            name = self._base.name_of(ino)
        except NotFoundError:
            return
        if name not in self.names:
            self._links.setdefault(ino, []).append(name)

    def _give_directories_one_name(self) -> None:
        for ino, names in list(self._links.items()):
            if stat.S_ISDIR(self.inodes[ino].mode):
                names.sort(key=lambda name: self.names.get(name, Dentry(0, 0)).cookie)
                for name in names[:-1]:
                    self._drop(ino, name)

    def _drop(self, ino: int, name: tuple[int, bytes]) -> None:
        """Let a name lead to nothing."""
        self._links[ino].remove(name)
        dentry = self.names.pop(name, None)
        if dentry is None or not dentry.cookie:
            self.names[name] = Dentry(0, 0)

    def _name_nameless(self) -> None:
        for ino, row in sorted(self.inodes.items()):
            names = self._links.get(ino, [])
            if ino == BASE or (not names and not row.nlink):
                continue
            if names and not (stat.S_ISDIR(row.mode) and self._is_in_itself(ino)):
                continue
            for name in list(names):
                self._drop(ino, name)
            self.nameless.append(ino)
        if not self.nameless:
            return
        home = self.names.get((BASE, LOST_AND_FOUND), Dentry(0, 0)).ino
        if not home or not stat.S_ISDIR(self.inodes[home].mode):
            home = self._make(LOST_AND_FOUND)
        for ino in self.nameless:
            self._name(home, b"inode-%d" % ino, ino)

    def _is_in_itself(self, ino: int) -> bool:
        """Return whether the directories above an inode lead back to it, and never to the top."""
        seen = {ino}
        at = ino
        while at != BASE:
            names = self._links.get(at)
            if names:
                at = names[0][0]
            elif at > BASE and at not in self.inodes:
                at = self._base.name_of(at)[0]
            else:
                return False
            if at in seen:
                return at == ino
            seen.add(at)
        return False

    def _make(self, name: bytes) -> int:
        """Make a directory at the top, beside whatever has its name."""
        while (BASE, name) in self.names and self.names[BASE, name].ino:
            name += b"_"
        ino, self._next_ino = self._next_ino, self._next_ino + 1
        self.inodes[ino] = self._directory()
        self._name(BASE, name, ino)
        return ino

    def _name(self, directory: int, name: bytes, ino: int) -> None:
        known = self.names.get((directory, name))
        cookie = self._next_cookie if known is None else known.cookie
        self._next_cookie += 1
        self.names[directory, name] = Dentry(ino, cookie)
        self._links.setdefault(ino, []).append((directory, name))

    def _counted(self) -> Iterator[tuple[int, InodeRow]]:
        """All inodes, with the number of names that they have."""
        for ino, row in self.inodes.items():
            yield ino, replace(row, nlink=self._count(ino, row))

    def _count(self, ino: int, row: InodeRow) -> int:
        names = len(self._links.get(ino, []))
        return 1 if ino == BASE or (names and stat.S_ISDIR(row.mode)) else names
