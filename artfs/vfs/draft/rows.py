"""The rows of a draft's database: one unnamed LMDB database, the first byte of a key names its table.

Inode numbers here are the draft's own (`ino` below): 1, 2, 3 ... for what was made in the draft, and
`BASE + position` for what came from the tree it was made over, where `position` is the pre-order position in that
tree and 0 its root. So an entry of the base needs no row until it is changed, and its number stays when it is.
`BASE` itself is the draft's own directory in every draft, also in one that began empty.

| table | key after the table byte | value | says |
|---|---|---|---|
| `I` | ino | `InodeRow` | an inode that was made or changed here; others are as the base has them |
| `D` | directory, name | `Dentry` | a name that is not as in the base: what it leads to, or that it is gone |
| `O` | directory, cookie | name | where names that the base has not come in a listing |
| `L` | ino, directory, name | nothing | by what is named: every name of an inode that has an `I` row |
| `E` | ino, start | `Extent` | bytes of a file in a data file; others are in `InodeRow.content`, or zero |
| `X` | ino | nothing | an inode without names that somebody has open or is in |
| `Y` | generation, ino | nothing | attributes or bytes of the inode changed in that generation |
| `Z` | generation, directory, name | nothing | the name changed in it: made, removed, leads elsewhere |
| `M` | a word | bytes | `state`: `State`; `origin`: `Origin`; `meta`: JSON of the control directory |

Numbers in keys are 8 bytes, big-endian, so that keys sort by them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from artfs.format.malformed import MALFORMED
from artfs.format.node import Entry, Kind
from artfs.vfs.draft.faults import malformed_row

__all__ = [
    "BASE",
    "META_JSON",
    "META_ORIGIN",
    "META_STATE",
    "NO_CONTENT",
    "Committed",
    "Content",
    "Dentry",
    "Extent",
    "InodeRow",
    "Origin",
    "Rows",
    "State",
    "decode_dentry",
    "decode_extent",
    "decode_inode",
    "decode_origin",
    "decode_state",
    "dentry_key",
    "dirty_dentry_key",
    "dirty_inode_key",
    "encode_dentry",
    "encode_extent",
    "encode_row",
    "extent_key",
    "inode_key",
    "link_key",
    "number",
    "order_key",
    "orphan_key",
]

BASE: Final = 1 << 39
"""Added to positions of the base tree; the number of the draft's own directory."""

META_STATE: Final = b"Mstate"
META_ORIGIN: Final = b"Morigin"
META_JSON: Final = b"Mmeta"

_NUMBER = struct.Struct(">Q")
_PAIR = struct.Struct("<QQ")
_EXTENT = struct.Struct("<QQQ")


class Rows(Protocol):
    """What a draft's rows are read from: the database, or a snapshot of it in another process."""

    def get(self, key: bytes, /) -> bytes | None:
        """The value of a key, None if there is none."""
        ...

    def items(self, prefix: bytes, start: bytes = b"", limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows whose key begins with `prefix`, from `prefix + start` on: what follows the prefix, and the value."""
        ...

    def floor(self, prefix: bytes, end: bytes) -> tuple[bytes, bytes] | None:
        """The last row whose key begins with `prefix` and is at most `prefix + end`."""
        ...


class Content(NamedTuple):
    """Bytes of a file that the store has, or refers to.

    Attributes:
        digest: Of the chunk or the chunk list, as in `Entry`.
        extra: As in `Entry`.
        size: How many bytes that content has.
        limit: How many of them, from the first on, are bytes of this file still.
        is_reference: They are elsewhere, as in an entry of that kind.
    """

    digest: bytes
    extra: bytes
    size: int
    limit: int
    is_reference: bool = False

    def entry(self, name: bytes = b"", mode: int = 0, mtime_ns: int = 0) -> Entry:
        """The entry that a file with this content has."""
        kind = Kind.REFERENCE if self.is_reference else Kind.FILE
        return Entry(name, kind, mode, mtime_ns, self.size, self.digest, extra=self.extra)


NO_CONTENT: Final = Content(b"", b"", 0, 0)


class Committed(NamedTuple):
    """What a directory was when last committed, as the fields of `Entry` of the same names; the topmost page."""

    node: bytes
    digest: bytes
    size: int
    below: int


class InodeRow(msgspec.Struct, array_like=True, frozen=True):
    """An inode.

    Attributes:
        mode: `st_mode`: type and all twelve permission bits.
        uid: Owner.
        gid: Group.
        nlink: Names; of a directory 2 and one for each directory in it, or 1: not counted.
        size: Bytes (of a symlink: of its target).
        atime_ns: As set; reading does not change it.
        mtime_ns: Of the last change of bytes or, of a directory, names.
        ctime_ns: Of the last change of all.
        content: A file's bytes in the store, under its extents.
        data: The data file of its own that is written to now; 0: none.
        data_generation: In which that was begun; in a later generation it is never written to again.
        counter: Of the last change of a file's bytes, other than appending to it while it was open.
        target: Of a symlink.
        rdev: Of a device.
        lower: A directory's topmost page in the base; empty: nothing below.
        committed: Of a directory: what the last commit, or the base, has of it; None: nothing.
    """

    mode: int
    uid: int
    gid: int
    nlink: int
    size: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int
    content: Content = NO_CONTENT
    data: int = 0
    data_generation: int = 0
    counter: int = 0
    target: bytes = b""
    rdev: int = 0
    lower: bytes = b""
    committed: Committed | None = None


class Dentry(NamedTuple):
    """A name in a directory.

    Attributes:
        ino: What it leads to; 0: nothing, it hides the base's.
        cookie: Its place in the listing among names that the base has not; 0: the place of the base's name.
    """

    ino: int
    cookie: int


class Extent(NamedTuple):
    """Bytes of a file in a data file.

    Attributes:
        end: Offset after the last.
        data: Number of the data file.
        base: Where the file's byte 0 is, or would be, in the data file.
    """

    end: int
    data: int
    base: int


class State(msgspec.Struct, array_like=True, frozen=True):
    """Counters. Numbers are taken in blocks: what is written here is where the next block begins.

    Attributes:
        generation: The one that changes go into now; from 1 on.
        committed: The last one whose changes are in a version; rows of dirty tables up to here mean nothing.
        next_ino: No inode number from here on was given.
        next_data: No data file number from here on was given.
        next_cookie: No place in a listing from here on was given.
    """

    generation: int = 1
    committed: int = 0
    next_ino: int = 1
    next_data: int = 1
    next_cookie: int = 1


class Origin(msgspec.Struct, array_like=True, frozen=True):
    """Where a draft comes from and goes to.

    Attributes:
        artifact: The name that a commit makes a version of.
        lower: Topmost page of the tree under the draft; empty: it began empty. Never changes.
        base: Serial of the version that it was made from or last committed as; 0: none.
        base_ref: The same, as it was called.
        base_root: That version's topmost page.
        base_digest: That version's digest.
    """

    artifact: str
    lower: bytes = b""
    base: int = 0
    base_ref: str = ""
    base_root: bytes = b""
    base_digest: bytes = b""


T = TypeVar("T")


def _decoder(kind: type[T], what: str) -> Callable[[bytes], T]:
    """What decodes rows of a kind; it raises `MalformedRowError` of what is none."""
    decode = msgspec.msgpack.Decoder(kind).decode

    def checked(value: bytes) -> T:
        try:
            return decode(value)
        except MALFORMED as error:
            raise malformed_row(f"{what}: {error}") from error

    return checked


encode_row = msgspec.msgpack.Encoder().encode
decode_inode = _decoder(InodeRow, "an inode")
decode_state = _decoder(State, "the state")
decode_origin = _decoder(Origin, "the origin")


def number(value: int) -> bytes:
    """A number as keys have it."""
    return _NUMBER.pack(value)


def inode_key(ino: int) -> bytes:
    """Key of an `InodeRow`."""
    return b"I" + _NUMBER.pack(ino)


def dentry_key(directory: int, name: bytes) -> bytes:
    """Key of a `Dentry`."""
    return b"D" + _NUMBER.pack(directory) + name


def order_key(directory: int, cookie: int) -> bytes:
    """Key of a name's place in a listing."""
    return b"O" + _NUMBER.pack(directory) + _NUMBER.pack(cookie)


def link_key(ino: int, directory: int, name: bytes) -> bytes:
    """Key of one of an inode's names."""
    return b"L" + _NUMBER.pack(ino) + _NUMBER.pack(directory) + name


def extent_key(ino: int, start: int) -> bytes:
    """Key of an `Extent`."""
    return b"E" + _NUMBER.pack(ino) + _NUMBER.pack(start)


def orphan_key(ino: int) -> bytes:
    """Key of an inode without names."""
    return b"X" + _NUMBER.pack(ino)


def dirty_inode_key(generation: int, ino: int) -> bytes:
    """Key of a changed inode."""
    return b"Y" + _NUMBER.pack(generation) + _NUMBER.pack(ino)


def dirty_dentry_key(generation: int, directory: int, name: bytes) -> bytes:
    """Key of a changed name."""
    return b"Z" + _NUMBER.pack(generation) + _NUMBER.pack(directory) + name


def encode_dentry(dentry: Dentry) -> bytes:
    """A `Dentry` as it is stored: two numbers of 8 bytes, little-endian."""
    return _PAIR.pack(*dentry)


def decode_dentry(value: bytes) -> Dentry:
    """Decode a stored `Dentry`.

    Raises:
        MalformedRowError: It is none.
    """
    try:
        return Dentry(*_PAIR.unpack(value))
    except struct.error as error:
        raise malformed_row(f"a name: {error}") from error


def encode_extent(extent: Extent) -> bytes:
    """An `Extent` as it is stored: three numbers of 8 bytes, little-endian."""
    return _EXTENT.pack(*extent)


def decode_extent(value: bytes) -> Extent:
    """Decode a stored `Extent`.

    Raises:
        MalformedRowError: It is none.
    """
    try:
        return Extent(*_EXTENT.unpack(value))
    except struct.error as error:
        raise malformed_row(f"an extent: {error}") from error
