"""Compare the rows of a draft with each other and with its data files (R5 to R10, R13)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeVar

from artfs.drafts.data.data_files import file_name, id_of, is_shared
from artfs.drafts.db.database import EPOCH_KEY
from artfs.drafts.db.schema import (
    BASE,
    META_DAMAGE,
    META_JSON,
    META_ORIGIN,
    META_STATE,
    DraftCounters,
    Extent,
    InodeRow,
    MalformedRowError,
    decode_damage,
    decode_dentry,
    decode_extent,
    decode_inode,
    decode_origin,
    decode_refused,
    decode_state,
    dentry_key,
    inode_key,
    link_key,
    order_key,
    orphan_key,
    u64_key,
)
from artfs.drafts.fsck.view import DraftCheckView
from artfs.names import is_entry_name, is_run_id, printable

__all__ = ["Fault", "RowsCheck"]

T = TypeVar("T")

_MALFORMED: Final = (ValueError, MalformedRowError)
_META_KEYS: Final = frozenset({META_STATE, META_ORIGIN, META_JSON, META_DAMAGE})


class Fault(NamedTuple):
    """Violation of an invariant, with a message that says where."""

    invariant: str
    message: str


class RowsCheck:
    """Checks the rows of one draft.

    Args:
        draft: Its rows.
    """

    def __init__(self, draft: DraftCheckView) -> None:
        self._draft = draft
        self._state = DraftCounters()
        self._before = (0, 0)
        self._owners: dict[int, int] = {}
        self._checks: dict[bytes, Callable[[bytes, bytes], Iterator[Fault]]] = {
            b"I": self._inode,
            b"D": self._dentry,
            b"O": self._order,
            b"L": self._link,
            b"E": self._extent,
            b"R": self._refused,
            b"X": self._orphan,
            b"Y": self._dirty,
            b"Z": self._dirty,
            b"W": self._run,
            b"U": self._run,
            b"M": self._meta,
        }

    def run(self) -> Iterator[Fault]:
        """Check all rows.

        Raises:
            IntegrityError: LMDB found a page damaged.
        """
        yield from self._required_rows()
        for start, end in self._draft.damage:
            lost = "changes are lacking" if start else "nothing is lost"
            yield Fault("R13", f"bytes {start} to {end} of redo-{self._draft.epoch}.log are damaged: {lost}")
        for key, value in self._draft.scan():
            if value is None:
                yield Fault("R5", f"the value of key {key.hex()} is damaged{self._owner_of(key)}")
            elif key != EPOCH_KEY:
                check = self._checks.get(key[:1])
                try:
                    if check is None:
                        raise ValueError
                    yield from check(key, value)
                except _MALFORMED:
                    yield Fault("R5", f"key {key.hex()} or its value is not of any table{self._owner_of(key)}")

    def path(self, ino: int) -> str:
        """One path of an inode for a message, as far as the rows have it."""
        names: list[bytes] = []
        while ino != BASE and len(names) < 64:
            found = self._draft.keys(b"L" + u64_key(ino))
            if not found:
                return f"inode {ino}" + (f", in it {printable(b'/'.join(reversed(names)))}" if names else "")
            ino, name = int.from_bytes(found[0][:8]), found[0][8:]
            names.append(name)
        return printable(b"/".join(reversed(names))) or "."

    def _owner_of(self, key: bytes) -> str:
        return f" ({self.path(int.from_bytes(key[1:9]))})" if key[:1] in b"IDOLEX" and len(key) >= 9 else ""

    def _required_rows(self) -> Iterator[Fault]:
        for key, decode in ((META_STATE, decode_state), (META_ORIGIN, decode_origin), (inode_key(BASE), decode_inode)):
            if not self._draft.has(key):
                yield Fault("R6", f"the row {key!r} is missing, without which no draft is served")
            _decoded(self._draft.get(key), decode)
        state = _decoded(self._draft.get(META_STATE), decode_state)
        if state is not None:
            self._state = state
            if not 0 <= state.committed < state.generation:
                yield Fault("R6", f"generation {state.committed} is committed, and {state.generation} is written to")

    def _row(self, ino: int) -> InodeRow | None:
        return _decoded(self._draft.get(inode_key(ino)), decode_inode)

    def _inode(self, key: bytes, value: bytes) -> Iterator[Fault]:
        ino, row = _number(key, 1, last=True), decode_inode(value)
        if ino < BASE and ino >= self._state.next_ino:
            yield Fault("R6", f"inode {ino} is there, and {self._state.next_ino} is to be the next")
        if row.data >= self._state.next_data:
            yield Fault("R6", f"data file {row.data} is there, and {self._state.next_data} is to be the next")
        if not 0 <= row.content.limit <= row.content.size:
            yield Fault("R9", f"{self.path(ino)} has {row.content.limit} bytes of a content of {row.content.size}")
        names = len(self._draft.keys(b"L" + u64_key(ino)))
        expected = row.nlink
        if ino == BASE:
            expected = 0
        elif stat.S_ISDIR(row.mode):
            expected = min(row.nlink, 1)
        if names != expected:
            yield Fault("R8", f"{self.path(ino)} says that it has {row.nlink} links, and has {names} names")
        if not row.nlink and ino < BASE and not self._draft.has(orphan_key(ino)):
            yield Fault("R8", f"inode {ino} has no name, and is not among those without")

    def _dentry(self, key: bytes, value: bytes) -> Iterator[Fault]:
        directory, name, dentry = _number(key, 1), key[9:], decode_dentry(value)
        if not is_entry_name(name):
            yield Fault("R7", f"{self.path(directory)} has an entry that cannot be called {printable(name)}")
        if dentry.ino and not self._draft.has(inode_key(dentry.ino)):
            yield Fault("R7", f"{printable(name)} in {self.path(directory)} leads to inode {dentry.ino}, which is not")
        elif dentry.ino and not self._draft.has(link_key(dentry.ino, directory, name)):
            yield Fault("R8", f"inode {dentry.ino} does not know its name {printable(name)} in {self.path(directory)}")
        if dentry.cookie and self._draft.get(order_key(directory, dentry.cookie)) != name:
            yield Fault("R7", f"{printable(name)} in {self.path(directory)} is not where it comes in the listing")
        row = self._row(directory)
        if row is None and not self._draft.has(inode_key(directory)):
            yield Fault("R7", f"{printable(name)} is in the directory {directory}, which is not")
        elif row is not None and not stat.S_ISDIR(row.mode):
            yield Fault("R7", f"{printable(name)} is in {self.path(directory)}, which is no directory")

    def _order(self, key: bytes, name: bytes) -> Iterator[Fault]:
        directory, cookie = _number(key, 1), _number(key, 9, last=True)
        dentry = _decoded(self._draft.get(dentry_key(directory, name)), decode_dentry)
        if dentry is not None and dentry.cookie == cookie:
            return
        if dentry is not None or not self._draft.has(dentry_key(directory, name)):
            yield Fault("R7", f"{printable(name)} comes in the listing of {self.path(directory)}, and is not there")

    def _link(self, key: bytes, value: bytes) -> Iterator[Fault]:
        ino, directory, name = _number(key, 1), _number(key, 9), key[17:]
        if value or not is_entry_name(name):
            raise ValueError
        if not self._draft.has(inode_key(ino)):
            yield Fault("R8", f"inode {ino} has the name {printable(name)} in directory {directory}, and is not there")
        dentry = _decoded(self._draft.get(dentry_key(directory, name)), decode_dentry)
        if dentry is not None and dentry.ino != ino:
            yield Fault("R8", f"{printable(name)} in {self.path(directory)} leads to {dentry.ino}, and {ino} claims it")
        if ino < BASE and dentry is None and not self._draft.has(dentry_key(directory, name)):
            yield Fault("R8", f"{printable(name)} in {self.path(directory)} leads nowhere, and {ino} claims it")

    def _extent(self, key: bytes, value: bytes) -> Iterator[Fault]:
        ino, start, extent = _number(key, 1), _number(key, 9, last=True), decode_extent(value)
        row = self._row(ino)
        if row is None and not self._draft.has(inode_key(ino)):
            yield Fault("R9", f"bytes of inode {ino} are in data file {file_name(extent.data)}, and it is not there")
        if row is not None and (not stat.S_ISREG(row.mode) or extent.end > row.size):
            yield Fault("R9", f"{self.path(ino)} has {row.size} bytes, and some at {extent.end}")
        before, end = self._before
        if start >= extent.end or (before == ino and start < end):
            yield Fault("R9", f"{self.path(ino)} has bytes {start} to {extent.end} twice, or not at all")
        self._before = ino, extent.end
        yield from self._data(ino, extent)

    def _data(self, ino: int, extent: Extent) -> Iterator[Fault]:
        if id_of(extent.data) >= self._state.next_data:
            yield Fault("R6", f"data file {file_name(extent.data)} is not below the next, {self._state.next_data}")
        if not is_shared(extent.data) and (extent.base or self._owners.setdefault(extent.data, ino) != ino):
            yield Fault("R9", f"data file {extent.data} has bytes of {self.path(ino)} and of another, or at an offset")
        if not os.path.lexists(self._draft.directory / "data" / file_name(extent.data)):
            yield Fault("R10", f"data/{file_name(extent.data)} is missing, which has bytes of {self.path(ino)}")

    def _refused(self, key: bytes, value: bytes) -> Iterator[Fault]:
        ino, start, end = _number(key, 1), _number(key, 9, last=True), decode_refused(value)
        if start >= end:
            yield Fault("R9", f"{self.path(ino)} has an empty range that a write was refused for")
        elif not self._draft.has(inode_key(ino)):
            yield Fault("R9", f"a write was refused for inode {ino}, which is not")

    def _orphan(self, key: bytes, value: bytes) -> Iterator[Fault]:
        ino = _number(key, 1, last=True)
        row = self._row(ino)
        if value:
            raise ValueError
        if not self._draft.has(inode_key(ino)) or (row is not None and row.nlink):
            yield Fault("R8", f"inode {ino} is among those without names, and has one or is not there")

    def _dirty(self, key: bytes, value: bytes) -> Iterator[Fault]:
        _number(key, 9, last=key[:1] == b"Y")
        yield from self._generation(key, value)

    def _run(self, key: bytes, value: bytes) -> Iterator[Fault]:
        if not is_run_id(key[9:].decode()):
            raise ValueError
        yield from self._generation(key, value)

    def _generation(self, key: bytes, value: bytes) -> Iterator[Fault]:
        generation = _number(key, 1)
        if value:
            raise ValueError
        if generation > self._state.generation:
            yield Fault("R6", f"something changed in generation {generation}, and {self._state.generation} is the last")

    def _meta(self, key: bytes, value: bytes) -> Iterator[Fault]:
        if key not in _META_KEYS:
            raise ValueError
        if key == META_DAMAGE:
            for epoch, start, end in decode_damage(value).lost:
                yield Fault("R13", f"bytes {start} to {end} of redo-{epoch}.log were damaged: changes may be lacking")


def _decoded(value: bytes | None, decode: Callable[[bytes], T]) -> T | None:
    """A decoded value; None if it is missing or malformed, which the walk over all rows reports."""
    if value is None:
        return None
    try:
        return decode(value)
    except _MALFORMED:
        return None


def _number(key: bytes, offset: int, *, last: bool = False) -> int:
    """Decode a number in a key; the key ends after the last one."""
    if len(key) < offset + 8 or (last and len(key) != offset + 8):
        raise ValueError
    return int.from_bytes(key[offset : offset + 8])
