"""Rows of a draft's database: keys, values, and how they are encoded.

It is one unnamed LMDB database; the first byte of a key names the table. Inode numbers here (`ino`) are the draft's
own: 1, 2, 3 ... for what was made in the draft, and `BASE + position` for what came from the tree under it, where
`position` is the pre-order position in that tree and 0 its root. So an entry of the base needs no row until it is
changed, and it keeps its number then. `BASE` itself is the draft's own directory, also in a draft that began empty.

| table | key after the table byte | value | meaning |
|---|---|---|---|
| `I` | ino | `InodeRow` | an inode that was made or changed here; others are as in the base |
| `D` | directory, name | `Dentry` | a name that differs from the base: what it leads to, or that it is gone |
| `O` | directory, cookie | name | the place in a listing of a name that the base has not |
| `L` | ino, directory, name | nothing | the reverse of `D`: every name of an inode that has an `I` row |
| `E` | ino, start | `Extent` | a range of a file in a data file; the rest is in `InodeRow.content`, or zero |
| `R` | ino, start | end | a range of a file that a write was refused for, and has not been written since |
| `X` | ino | nothing | an inode without names that is in use (an orphan) |
| `Y` | generation, ino | nothing | attributes or bytes of the inode changed in that generation |
| `Z` | generation, directory, name | nothing | the name changed in it: was added, removed, or leads elsewhere |
| `W` | generation, run | nothing | the run wrote in it: changed something, or opened a file for writing |
| `U` | generation, run | nothing | the run opened a file in it with committed bytes, not to empty it |
| `M` | a word | bytes | `state`: `DraftCounters`; `origin`: `Origin`; `meta`: JSON; `damage`: `DraftDamage` |

Numbers in keys are 8 bytes, big-endian: keys sort by them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from artfs.errors import IntegrityError
from artfs.format.msgpack import DECODE_ERRORS
from artfs.format.node import Entry, Kind
from artfs.kv.errors import DatabaseErrors

__all__ = [
    "BASE",
    "META_DAMAGE",
    "META_JSON",
    "META_ORIGIN",
    "META_STATE",
    "NO_CONTENT",
    "ROWS_ERRORS",
    "CommittedDirectory",
    "Dentry",
    "DraftCounters",
    "DraftDamage",
    "Extent",
    "InodeRow",
    "MalformedRowError",
    "Origin",
    "RowReader",
    "StoredContent",
    "damaged_rows",
    "decode_damage",
    "decode_dentry",
    "decode_extent",
    "decode_inode",
    "decode_origin",
    "decode_refused",
    "decode_state",
    "dentry_key",
    "dirty_dentry_key",
    "dirty_inode_key",
    "encode_dentry",
    "encode_extent",
    "encode_refused",
    "encode_row",
    "extent_key",
    "inode_key",
    "link_key",
    "order_key",
    "orphan_key",
    "reader_key",
    "refused_key",
    "u64_key",
    "writer_key",
]

BASE: Final = 1 << 39
"""Inode number of the draft's own directory; added to the positions of all else in the base."""

META_STATE: Final = b"Mstate"
META_ORIGIN: Final = b"Morigin"
META_JSON: Final = b"Mmeta"
META_DAMAGE: Final = b"Mdamage"

_NUMBER = struct.Struct(">Q")
_END = struct.Struct("<Q")
_PAIR = struct.Struct("<QQ")
_EXTENT = struct.Struct("<QQQ")


ROWS_ERRORS: Final = DatabaseErrors(
    "the rows of a draft",
    "the rows of a draft are damaged ({}): copy what can still be read, then discard it",
)
damaged_rows: Final = ROWS_ERRORS.damaged


class MalformedRowError(IntegrityError):
    """A row with the right checksum that no artfs writes."""


def _malformed(what: str) -> MalformedRowError:
    return MalformedRowError(str(damaged_rows(what)))


class RowReader(Protocol):
    """Reads a draft's rows, from the database or from a snapshot of it in another process."""

    def get(self, key: bytes, /) -> bytes | None:
        """The value of a key, None if there is none."""
        ...

    def items(self, prefix: bytes, start: bytes = b"", limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows with a prefix, from `prefix + start` on: the rest of the key, and the value."""
        ...

    def floor(self, prefix: bytes, end: bytes) -> tuple[bytes, bytes] | None:
        """The last row with a prefix that is at most `prefix + end`: as of `items`."""
        ...


class StoredContent(NamedTuple):
    """Content of a file in the store, or outside it (a reference).

    Attributes:
        digest: Of the chunk or the chunk list, as in `Entry`.
        extra: As in `Entry`.
        size: Bytes of the content.
        limit: The first so many of them are still bytes of this file.
        is_reference: The bytes are outside the store, as of an entry of that kind.
    """

    digest: bytes
    extra: bytes
    size: int
    limit: int
    is_reference: bool = False

    def entry(self, name: bytes = b"", mode: int = 0, mtime_ns: int = 0) -> Entry:
        """The entry of a file with this content."""
        kind = Kind.REFERENCE if self.is_reference else Kind.FILE
        return Entry(name, kind, mode, mtime_ns, self.size, self.digest, extra=self.extra)


NO_CONTENT: Final = StoredContent(b"", b"", 0, 0)


class CommittedDirectory(NamedTuple):
    """A directory as of its last commit; fields as those of `Entry`, `node` is its topmost page."""

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
        nlink: Number of names; of a directory 2 and one for each subdirectory, or 1: not counted.
        size: Bytes (of a symlink: of its target).
        atime_ns: As set; reading does not change it.
        mtime_ns: Of the last change of bytes or, of a directory, names.
        ctime_ns: Of the last change.
        content: A file's bytes in the store, under its extents.
        data: The data file of its own that is written to now; 0: none.
        data_generation: The generation in which `data` was begun; a later one does not write to it.
        counter: Number of the last change of a file's bytes, except appends to a file that is written front to back.
        target: Of a symlink.
        rdev: Of a device.
        lower: Topmost page of a directory in the base; empty: it is new.
        committed: Of a directory: as of the last commit, or the base; None: it is new.
    """

    mode: int
    uid: int
    gid: int
    nlink: int
    size: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int
    content: StoredContent = NO_CONTENT
    data: int = 0
    data_generation: int = 0
    counter: int = 0
    target: bytes = b""
    rdev: int = 0
    lower: bytes = b""
    committed: CommittedDirectory | None = None


class Dentry(NamedTuple):
    """A name in a directory.

    Attributes:
        ino: The inode that it leads to; 0: none, it hides the name of the base.
        cookie: Its place in the listing among names that the base has not; 0: the place of the base's name.
    """

    ino: int
    cookie: int


class Extent(NamedTuple):
    """A range of a file in a data file; its start is in the key.

    Attributes:
        end: Offset after its last byte.
        data: Number of the data file.
        base: Where byte 0 of the file is, or would be, in the data file.
    """

    end: int
    data: int
    base: int


class DraftCounters(msgspec.Struct, array_like=True, frozen=True):
    """Counters. Ids are reserved in blocks: the next block begins at the number that is here.

    Attributes:
        generation: The current one, which changes belong to; from 1 on.
        committed: The last one whose changes are in a version; dirty rows up to here are void.
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
    """Base of a draft, and the artifact that a commit adds a version to.

    Attributes:
        artifact: Name of the artifact.
        lower: Topmost page of the tree under the draft; empty: it began empty. Never changes.
        base: Serial of the version that it was made from or last committed as; 0: none.
        base_ref: That version's reference when it became the base.
        base_root: That version's topmost page.
        base_digest: That version's digest.
        uid: User of the draft and of what comes from the base; -1: the owner of the draft's directory.
        gid: Their group; -1: that of the draft's directory.
        seen: Serial of the artifact's newest version when the draft was opened over nothing, or over another artifact's
            version; 0: there was none, or the draft is over one of its own.
        since_ns: Time at which it was opened (nanoseconds since 1970); 0: not known.
        own_root: Topmost page of the draft's tree as it was last committed, where the version has other contents: it
            came of a merge, and the draft does not show all of it. Empty: it shows the version.
    """

    artifact: str
    lower: bytes = b""
    base: int = 0
    base_ref: str = ""
    base_root: bytes = b""
    base_digest: bytes = b""
    uid: int = -1
    gid: int = -1
    seen: int = 0
    since_ns: int = 0
    own_root: bytes = b""

    @property
    def shown_root(self) -> bytes:
        """Topmost page of what the draft showed when the base became its base; empty: nothing."""
        return self.own_root or self.base_root


class DraftDamage(msgspec.Struct, array_like=True, frozen=True):
    """Damage of a draft's redo logs, since which changes may be lacking.

    Attributes:
        lost: Damaged bytes that sound records followed: epoch of the log, offset of the first, offset after the last.
        salvaged: Whether the rows were made consistent since.
        nameless: Files and directories that had lost their names, and are in `lost+found` now.
        unreadable: Files that can be seen to lack bytes, reading which is refused.
    """

    lost: tuple[tuple[int, int, int], ...] = ()
    salvaged: bool = False
    nameless: int = 0
    unreadable: int = 0


T = TypeVar("T")


def _decoder(kind: type[T], what: str) -> Callable[[bytes], T]:
    """Make the decoder of a kind of rows; it raises `MalformedRowError` for other bytes."""
    decode = msgspec.msgpack.Decoder(kind).decode

    def checked(value: bytes) -> T:
        try:
            return decode(value)
        except DECODE_ERRORS as error:
            raise _malformed(f"{what}: {error}") from error

    return checked


encode_row = msgspec.msgpack.Encoder().encode
decode_inode = _decoder(InodeRow, "an inode")
decode_state = _decoder(DraftCounters, "the state")
decode_origin = _decoder(Origin, "the origin")
decode_damage = _decoder(DraftDamage, "the damage")


def u64_key(value: int) -> bytes:
    """Encode a number as in keys."""
    return _NUMBER.pack(value)


def inode_key(ino: int) -> bytes:
    """Key of an `InodeRow`."""
    return b"I" + _NUMBER.pack(ino)


def dentry_key(directory: int, name: bytes) -> bytes:
    """Key of a `Dentry`."""
    return b"D" + _NUMBER.pack(directory) + name


def order_key(directory: int, cookie: int) -> bytes:
    """Key of a name by its place in a listing."""
    return b"O" + _NUMBER.pack(directory) + _NUMBER.pack(cookie)


def link_key(ino: int, directory: int, name: bytes) -> bytes:
    """Key of one of an inode's names."""
    return b"L" + _NUMBER.pack(ino) + _NUMBER.pack(directory) + name


def extent_key(ino: int, start: int) -> bytes:
    """Key of an `Extent`."""
    return b"E" + _NUMBER.pack(ino) + _NUMBER.pack(start)


def refused_key(ino: int, start: int) -> bytes:
    """Key of a range that a write was refused for."""
    return b"R" + _NUMBER.pack(ino) + _NUMBER.pack(start)


def orphan_key(ino: int) -> bytes:
    """Key of an orphan."""
    return b"X" + _NUMBER.pack(ino)


def dirty_inode_key(generation: int, ino: int) -> bytes:
    """Key of a changed inode."""
    return b"Y" + _NUMBER.pack(generation) + _NUMBER.pack(ino)


def dirty_dentry_key(generation: int, directory: int, name: bytes) -> bytes:
    """Key of a changed name."""
    return b"Z" + _NUMBER.pack(generation) + _NUMBER.pack(directory) + name


def writer_key(generation: int, run: str) -> bytes:
    """Key of a run that wrote."""
    return b"W" + _NUMBER.pack(generation) + run.encode()


def reader_key(generation: int, run: str) -> bytes:
    """Key of a run that read what was committed."""
    return b"U" + _NUMBER.pack(generation) + run.encode()


def encode_dentry(dentry: Dentry) -> bytes:
    """Encode a `Dentry`: two numbers of 8 bytes, little-endian."""
    return _PAIR.pack(*dentry)


def decode_dentry(value: bytes) -> Dentry:
    """Decode a stored `Dentry`.

    Raises:
        MalformedRowError: No artfs writes such bytes.
    """
    try:
        return Dentry(*_PAIR.unpack(value))
    except struct.error as error:
        raise _malformed(f"a name: {error}") from error


def encode_extent(extent: Extent) -> bytes:
    """Encode an `Extent`: three numbers of 8 bytes, little-endian."""
    return _EXTENT.pack(*extent)


def decode_extent(value: bytes) -> Extent:
    """Decode a stored `Extent`.

    Raises:
        MalformedRowError: No artfs writes such bytes.
    """
    try:
        return Extent(*_EXTENT.unpack(value))
    except struct.error as error:
        raise _malformed(f"an extent: {error}") from error


def encode_refused(end: int) -> bytes:
    """Encode the end of a range that a write was refused for: a number of 8 bytes, little-endian."""
    return _END.pack(end)


def decode_refused(value: bytes) -> int:
    """Decode the stored end of a range that a write was refused for.

    Raises:
        MalformedRowError: No artfs writes such bytes.
    """
    try:
        return int(_END.unpack(value)[0])
    except struct.error as error:
        raise _malformed(f"a refused write: {error}") from error
