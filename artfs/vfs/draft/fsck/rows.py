"""Hold the rows of a draft against each other and against its data files (R5 to R10)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeVar

from artfs.names import is_entry_name, printable
from artfs.vfs.draft.database import EPOCH_KEY
from artfs.vfs.draft.datafiles import SPOOL, file_name
from artfs.vfs.draft.faults import MalformedRowError
from artfs.vfs.draft.fsck.look import DraftLook
from artfs.vfs.draft.rows import (
    BASE,
    META_JSON,
    META_ORIGIN,
    META_STATE,
    Extent,
    InodeRow,
    State,
    decode_dentry,
    decode_extent,
    decode_inode,
    decode_origin,
    decode_state,
    dentry_key,
    inode_key,
    link_key,
    number,
    order_key,
    orphan_key,
)

__all__ = ["Broken", "RowsCheck"]

T = TypeVar("T")

_WRONG: Final = (ValueError, MalformedRowError)
_WORDS: Final = frozenset({META_STATE, META_ORIGIN, META_JSON})


class Broken(NamedTuple):
    """An invariant that does not hold, and what is wrong."""

    invariant: str
    message: str


class RowsCheck:
    """Checks one draft.

    Args:
        look: Its rows.
    """

    def __init__(self, look: DraftLook) -> None:
        self._look = look
        self._state = State()
        self._before = (0, 0)
        self._owners: dict[int, int] = {}
        self._checks: dict[bytes, Callable[[bytes, bytes], Iterator[Broken]]] = {
            b"I": self._inode,
            b"D": self._dentry,
            b"O": self._order,
            b"L": self._link,
            b"E": self._extent,
            b"X": self._orphan,
            b"Y": self._dirty,
            b"Z": self._dirty,
            b"M": self._word,
        }

    def run(self) -> Iterator[Broken]:
        """Check all rows.

        Raises:
            IntegrityError: LMDB found a page damaged.
        """
        yield from self._needed()
        for key, value in self._look.scan():
            if value is None:
                yield Broken("R5", f"the value of key {key.hex()} is damaged{self._whose(key)}")
            elif key != EPOCH_KEY:
                check = self._checks.get(key[:1])
                try:
                    if check is None:
                        raise ValueError
                    yield from check(key, value)
                except _WRONG:
                    yield Broken("R5", f"key {key.hex()} or its value is not of any table{self._whose(key)}")

    def path(self, ino: int) -> str:
        """One path of an inode, as far as the rows tell it, for a message."""
        names: list[bytes] = []
        while ino != BASE and len(names) < 64:
            found = self._look.keys(b"L" + number(ino))
            if not found:
                return f"inode {ino}" + (f", in it {printable(b'/'.join(reversed(names)))}" if names else "")
            ino, name = int.from_bytes(found[0][:8]), found[0][8:]
            names.append(name)
        return printable(b"/".join(reversed(names))) or "."

    def _whose(self, key: bytes) -> str:
        return f" ({self.path(int.from_bytes(key[1:9]))})" if key[:1] in b"IDOLEX" and len(key) >= 9 else ""

    def _needed(self) -> Iterator[Broken]:
        for key, decode in ((META_STATE, decode_state), (META_ORIGIN, decode_origin), (inode_key(BASE), decode_inode)):
            if not self._look.has(key):
                yield Broken("R6", f"the row {key!r} is missing, without which no draft is served")
            _decoded(self._look.get(key), decode)
        state = _decoded(self._look.get(META_STATE), decode_state)
        if state is not None:
            self._state = state
            if not 0 <= state.committed < state.generation:
                yield Broken("R6", f"generation {state.committed} is committed, and {state.generation} is written to")

    def _row(self, ino: int) -> InodeRow | None:
        return _decoded(self._look.get(inode_key(ino)), decode_inode)

    def _inode(self, key: bytes, value: bytes) -> Iterator[Broken]:
        ino, row = _number(key, 1, last=True), decode_inode(value)
        if ino < BASE and ino >= self._state.next_ino:
            yield Broken("R6", f"inode {ino} is there, and {self._state.next_ino} is to be the next")
        if row.data >= self._state.next_data:
            yield Broken("R6", f"data file {row.data} is there, and {self._state.next_data} is to be the next")
        if not 0 <= row.content.limit <= row.content.size:
            yield Broken("R9", f"{self.path(ino)} has {row.content.limit} bytes of a content of {row.content.size}")
        names = len(self._look.keys(b"L" + number(ino)))
        expected = row.nlink
        if ino == BASE:
            expected = 0
        elif stat.S_ISDIR(row.mode):
            expected = min(row.nlink, 1)
        if names != expected:
            yield Broken("R8", f"{self.path(ino)} says that it has {row.nlink} links, and has {names} names")
        if not row.nlink and ino < BASE and not self._look.has(orphan_key(ino)):
            yield Broken("R8", f"inode {ino} has no name, and is not among those without")

    def _dentry(self, key: bytes, value: bytes) -> Iterator[Broken]:
        directory, name, dentry = _number(key, 1), key[9:], decode_dentry(value)
        if not is_entry_name(name):
            yield Broken("R7", f"{self.path(directory)} has an entry that cannot be called {printable(name)}")
        if dentry.ino and not self._look.has(inode_key(dentry.ino)):
            yield Broken("R7", f"{printable(name)} in {self.path(directory)} leads to inode {dentry.ino}, which is not")
        elif dentry.ino and not self._look.has(link_key(dentry.ino, directory, name)):
            yield Broken("R8", f"inode {dentry.ino} does not know its name {printable(name)} in {self.path(directory)}")
        if dentry.cookie and self._look.get(order_key(directory, dentry.cookie)) != name:
            yield Broken("R7", f"{printable(name)} in {self.path(directory)} is not where it comes in the listing")
        row = self._row(directory)
        if row is None and not self._look.has(inode_key(directory)):
            yield Broken("R7", f"{printable(name)} is in the directory {directory}, which is not")
        elif row is not None and not stat.S_ISDIR(row.mode):
            yield Broken("R7", f"{printable(name)} is in {self.path(directory)}, which is no directory")

    def _order(self, key: bytes, name: bytes) -> Iterator[Broken]:
        directory, cookie = _number(key, 1), _number(key, 9, last=True)
        dentry = _decoded(self._look.get(dentry_key(directory, name)), decode_dentry)
        if dentry is not None and dentry.cookie == cookie:
            return
        if dentry is not None or not self._look.has(dentry_key(directory, name)):
            yield Broken("R7", f"{printable(name)} comes in the listing of {self.path(directory)}, and is not there")

    def _link(self, key: bytes, value: bytes) -> Iterator[Broken]:
        ino, directory, name = _number(key, 1), _number(key, 9), key[17:]
        if value or not is_entry_name(name):
            raise ValueError
        if not self._look.has(inode_key(ino)):
            yield Broken("R8", f"inode {ino} has the name {printable(name)} in directory {directory}, and is not there")
        dentry = _decoded(self._look.get(dentry_key(directory, name)), decode_dentry)
        if dentry is not None and dentry.ino != ino:
            yield Broken(
                "R8", f"{printable(name)} in {self.path(directory)} leads to {dentry.ino}, and {ino} claims it"
            )
        if ino < BASE and dentry is None and not self._look.has(dentry_key(directory, name)):
            yield Broken("R8", f"{printable(name)} in {self.path(directory)} leads nowhere, and {ino} claims it")

    def _extent(self, key: bytes, value: bytes) -> Iterator[Broken]:
        ino, start, extent = _number(key, 1), _number(key, 9, last=True), decode_extent(value)
        row = self._row(ino)
        if row is None and not self._look.has(inode_key(ino)):
            yield Broken("R9", f"bytes of inode {ino} are in data file {file_name(extent.data)}, and it is not there")
        if row is not None and (not stat.S_ISREG(row.mode) or extent.end > row.size):
            yield Broken("R9", f"{self.path(ino)} has {row.size} bytes, and some at {extent.end}")
        before, end = self._before
        if start >= extent.end or (before == ino and start < end):
            yield Broken("R9", f"{self.path(ino)} has bytes {start} to {extent.end} twice, or not at all")
        self._before = ino, extent.end
        yield from self._data(ino, extent)

    def _data(self, ino: int, extent: Extent) -> Iterator[Broken]:
        if extent.data & ~SPOOL >= self._state.next_data:
            yield Broken("R6", f"data file {file_name(extent.data)} is not below the next, {self._state.next_data}")
        if not extent.data & SPOOL and (extent.base or self._owners.setdefault(extent.data, ino) != ino):
            yield Broken("R9", f"data file {extent.data} has bytes of {self.path(ino)} and of another, or at an offset")
        if not os.path.lexists(self._look.directory / "data" / file_name(extent.data)):
            yield Broken("R10", f"data/{file_name(extent.data)} is missing, which has bytes of {self.path(ino)}")

    def _orphan(self, key: bytes, value: bytes) -> Iterator[Broken]:
        ino = _number(key, 1, last=True)
        row = self._row(ino)
        if value:
            raise ValueError
        if not self._look.has(inode_key(ino)) or (row is not None and row.nlink):
            yield Broken("R8", f"inode {ino} is among those without names, and has one or is not there")

    def _dirty(self, key: bytes, value: bytes) -> Iterator[Broken]:
        generation = _number(key, 1)
        _number(key, 9, last=key[:1] == b"Y")
        if value:
            raise ValueError
        if generation > self._state.generation:
            yield Broken(
                "R6", f"something changed in generation {generation}, and {self._state.generation} is the last"
            )

    def _word(self, key: bytes, _value: bytes) -> Iterator[Broken]:
        if key not in _WORDS:
            raise ValueError
        yield from ()


def _decoded(value: bytes | None, decode: Callable[[bytes], T]) -> T | None:
    """A decoded value; None if there is none that can be decoded, which the walk over all rows tells of."""
    if value is None:
        return None
    try:
        return decode(value)
    except _WRONG:
        return None


def _number(key: bytes, offset: int, *, last: bool = False) -> int:
    """A number in a key, which ends behind it if it is the last."""
    if len(key) < offset + 8 or (last and len(key) != offset + 8):
        raise ValueError
    return int.from_bytes(key[offset : offset + 8])
