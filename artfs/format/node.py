"""Tree nodes: the pages of directories, as bytes.

A directory is one page, or a B-tree of pages: leaf pages (level 0) hold entries, inner pages hold rows that stand for
the page below and bear its first name. All pages have one layout (docs/FORMAT.md, "Tree nodes"), little-endian:

    header   32 bytes   magic, level, row count, length of the heap, positions and bytes below
    rows     56 bytes each, sorted by name as unsigned bytes
    heap     per row its name, then its extra (symlink target, reference, height of a chunk list)
    mtimes   8 bytes each, one per row        (leaf pages)
    nodes    32 bytes each, one per row that points to another page, in row order

The *content digest* of a page is the BLAKE3 of header, rows and heap: all but times and node digests. The *node digest*
is the BLAKE3 of the whole. So equal content digests mean equal trees but for times.

`before` in a row counts the pre-order positions that this page's earlier rows take, which is what lets a position be
found by descent, and back (inode numbers build on it).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from itertools import repeat
from operator import ge
from typing import NamedTuple

from artfs.errors import IntegrityError
from artfs.format.digest import DIGEST_SIZE, digest
from artfs.names import are_entry_names, is_entry_name

__all__ = ["MAX_EXTRA", "EncodedPage", "Entry", "Kind", "Page", "clamp_time", "encode_page"]

_MAGIC = b"ATN1"
_HEADER = struct.Struct("<4sB3xIIQQ")
_ROW = struct.Struct("<IBBHQQ32s")
_NAME_AT = struct.Struct("<IB")
_LINK_AT = struct.Struct("<IBB")
_BEFORE = struct.Struct("<Q")
_HEADER_SIZE = _HEADER.size
_ROW_SIZE = _ROW.size
_BEFORE_AT = _HEADER_SIZE + 8
_KIND_AT = 5
_ORDINAL_SIZE = 4
MAX_EXTRA = 65536
"""Most bytes of a symlink target or an encoded reference."""
_MODE_MASK = 0o1777
_new = tuple.__new__  # without the call of Python code that a NamedTuple's own is


class Kind(IntEnum):
    """The kind of a row."""

    PAGE = 0
    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3
    REFERENCE = 4


class Entry(NamedTuple):
    """One row of a page.

    Attributes:
        name: The entry's name; of a `PAGE` row, the first name below it.
        kind: A `Kind`.
        mode: Permission and sticky bits (0 of a `PAGE` row).
        mtime_ns: Modification time, nanoseconds since the epoch.
        size: Bytes of the file or target; of a directory or page, of all files below.
        digest: Content digest: of the chunk or chunk list, of the link target or reference, or of the page below.
        below: Positions below this entry, itself not counted (0 unless directory or page).
        node: Node digest of the page below (directories and pages, else empty).
        extra: Symlink target, encoded reference, or one byte: the height of a file's chunk list.
    """

    name: bytes
    kind: int
    mode: int
    mtime_ns: int
    size: int
    digest: bytes
    below: int = 0
    node: bytes = b""
    extra: bytes = b""

    @property
    def positions(self) -> int:
        """Number of pre-order positions of the entry, its own included (a page has none of its own)."""
        return self.below + (self.kind != 0)


class EncodedPage(NamedTuple):
    """An encoded page: its bytes, both digests, and the fields of a row that points to it.

    Attributes:
        data: The page.
        node: Digest of all of it.
        digest: Digest of its content part.
        first: Its first name (empty for an empty directory).
        below: Number of positions that it covers.
        size: Bytes of all files below.
    """

    data: bytes
    node: bytes
    digest: bytes
    first: bytes
    below: int
    size: int

    def as_row(self) -> Entry:
        """Make the row for this page in the level above."""
        return Entry(self.first, Kind.PAGE, 0, 0, self.size, self.digest, self.below, self.node)


def clamp_time(time_ns: int) -> int:
    """Return the nearest time that the format holds: the years 1677 to 2262, as nanoseconds in 64 bits."""
    return max(-(1 << 63), min(time_ns, (1 << 63) - 1))


def _packed_times(entries: Sequence[Entry]) -> bytes:
    times = [entry.mtime_ns for entry in entries]
    try:
        return struct.pack(f"<{len(times)}q", *times)
    except struct.error:
        return struct.pack(f"<{len(times)}q", *map(clamp_time, times))


def encode_page(level: int, entries: Sequence[Entry]) -> EncodedPage:
    """Encode one page.

    Args:
        level: 0 for entries, n for rows that point to pages of level n - 1.
        entries: Sorted by name, valid; the caller's duty, proven row by row on every read.
    """
    rows = bytearray()
    heap = bytearray()
    nodes: list[bytes] = []
    before = size = 0
    pack = _ROW.pack
    for name, kind, mode, _mtime, bytes_, digest_, below, node, extra in entries:
        rows += pack(len(heap), len(name), kind, mode, before, bytes_, digest_)
        heap += name
        if kind == 2:  # a directory: which of the node digests at the page's end is its own
            heap += len(nodes).to_bytes(_ORDINAL_SIZE, "little")
        else:
            heap += extra
        before += below + (kind != 0)
        size += bytes_
        if node:
            nodes.append(node)
    content = b"".join((_HEADER.pack(_MAGIC, level, len(entries), len(heap), before, size), rows, heap))
    times = _packed_times(entries) if level == 0 else b""
    data = b"".join((content, times, *nodes))
    return EncodedPage(data, digest(data), digest(content), entries[0].name if entries else b"", before, size)


class Page:
    """A page, searched in place by name and by position.

    Opening a page checks its frame; each row is checked when it is decoded, so that finding one name in a page of
    hundreds costs microseconds and nothing unchecked gets out. `check` proves a page as a whole.

    Attributes:
        level: 0 for entries, more for rows that point to pages.
        below: Number of positions that the page covers.
        size: Bytes of all files below.
    """

    level: int
    below: int
    size: int
    _count: int

    __slots__ = ("_count", "_data", "_heap", "_nodes", "_times", "below", "level", "size")

    def __init__(self, data: bytes) -> None:
        """Open a page.

        Args:
            data: Its bytes, checked against the node digest already.

        Raises:
            IntegrityError: The frame is not one that `encode_page` writes.
        """
        if len(data) < _HEADER.size:
            raise IntegrityError(f"tree node {digest(data).hex()} is malformed: too short")
        magic, self.level, self._count, heap_len, self.below, self.size = _HEADER.unpack_from(data)
        self._data = data
        self._heap = _HEADER.size + self._count * _ROW.size
        self._times = self._heap + heap_len
        self._nodes = self._times + (0 if self.level else 8 * self._count)
        rest = len(data) - self._nodes
        if magic != _MAGIC or data[5:8] != b"\0\0\0" or rest < 0 or rest % DIGEST_SIZE:
            raise self._malformed("frame")

    def _malformed(self, what: str) -> IntegrityError:
        return IntegrityError(f"tree node {digest(self._data).hex()} is malformed: {what}")

    def __len__(self) -> int:
        return self._count

    @property
    def digest(self) -> bytes:
        """The page's content digest."""
        return digest(self._data[: self._times])

    @property
    def paged_bytes(self) -> int:
        """Bytes of names and extras that count when a directory is cut into pages: not the 4 of each directory row."""
        directories = 0 if self.level else (len(self._data) - self._nodes) // DIGEST_SIZE
        heap: int = self._times - self._heap
        return heap - _ORDINAL_SIZE * directories

    def name(self, row: int) -> bytes:
        """Return the name of one row, unchecked."""
        start, length = _NAME_AT.unpack_from(self._data, _HEADER.size + row * _ROW.size)
        start += self._heap
        return self._data[start : start + length]

    def _bisect(self, name: bytes) -> int:
        """Return the first row whose name is not below `name`."""
        data, heap, low, high = self._data, self._heap, 0, self._count
        unpack = _NAME_AT.unpack_from
        while low < high:
            middle = (low + high) >> 1
            start, length = unpack(data, _HEADER_SIZE + middle * _ROW_SIZE)
            start += heap
            if data[start : start + length] < name:
                low = middle + 1
            else:
                high = middle
        return low

    def index(self, name: bytes) -> int | None:
        """Return the row of exactly this name, if any."""
        row = self._bisect(name)
        return row if row < self._count and self.name(row) == name else None

    def child_for(self, name: bytes) -> int:
        """Return the row of an inner page that points to the page in which `name` belongs."""
        row = self._bisect(name)
        if row < self._count and self.name(row) == name:
            return row
        return max(row - 1, 0)

    def before(self, row: int) -> int:
        """Return the number of positions of the rows before `row`; of one past the last row, of all."""
        if row == self._count:
            return self.below
        position: int = _BEFORE.unpack_from(self._data, _BEFORE_AT + row * _ROW_SIZE)[0]
        return position

    def at_position(self, position: int) -> int:
        """Return the row that covers a position relative to the page's first (0 <= position < below)."""
        data, low, high = self._data, 0, self._count
        unpack = _BEFORE.unpack_from
        while low < high:
            middle = (low + high) >> 1
            if unpack(data, _BEFORE_AT + middle * _ROW_SIZE)[0] <= position:
                low = middle + 1
            else:
                high = middle
        return max(low - 1, 0)

    def link(self, row: int) -> tuple[int, bytes]:
        """Return all that a descent needs of a row: kind, and node digest of its page, if any."""
        data = self._data
        at = _HEADER_SIZE + row * _ROW_SIZE
        start, length, kind = _LINK_AT.unpack_from(data, at)
        if kind == 2:
            start += self._heap + length
            row = int.from_bytes(data[start : start + _ORDINAL_SIZE], "little")
        elif kind:
            return kind, b""
        at = self._nodes + DIGEST_SIZE * row
        return kind, data[at : at + DIGEST_SIZE]

    def links(self) -> tuple[list[tuple[bytes, bool]], list[bytes]]:
        """Return all that the rows point to, unchecked: ten times as quick as to decode them.

        Returns:
            Of each file that is not empty its content digest, and whether that is a chunk list's; and the node digests
            of pages and directories.
        """
        data = self._data
        rows = list(_ROW.iter_unpack(data[_HEADER_SIZE : self._heap]))
        ends = [row[0] for row in rows[1:]]
        ends.append(self._times - self._heap)
        files = [
            (digest_, end > start + length)
            for (start, length, kind, _mode, _before, size, digest_), end in zip(rows, ends, strict=False)
            if kind == 1 and size
        ]
        return files, [data[at : at + DIGEST_SIZE] for at in range(self._nodes, len(data), DIGEST_SIZE)]

    def references(self) -> list[Entry]:
        """Return all references, checked but for their names; it costs next to nothing where there are none."""
        data = self._data
        kinds = data[_HEADER_SIZE + _KIND_AT : self._heap : _ROW_SIZE]
        if Kind.REFERENCE not in kinds:
            return []
        return [entry for entry in self._decode(0, self._count) if entry.kind == Kind.REFERENCE]

    def entry(self, row: int) -> Entry:
        """Decode and check one row.

        Raises:
            IntegrityError: The row is not one that a valid entry encodes to.
        """
        if not 0 <= row < self._count:
            raise self._malformed(f"no row {row}")
        [entry] = self._decode(row, row + 1)
        if not is_entry_name(entry[0]):
            raise self._malformed(f"row {row}")
        return entry

    def entries(self) -> list[Entry]:
        """Decode and check all rows, their order too."""
        entries = self._decode(0, self._count)
        names = [entry[0] for entry in entries]
        if not are_entry_names(names):
            raise self._malformed("a name that nothing can have")
        if any(map(ge, names, names[1:])):
            raise self._malformed("names unsorted or twice")
        return entries

    def _decode(self, first: int, last: int) -> list[Entry]:
        """Decode the rows from `first` to before `last`, and check all but their names.

        It is most of what a first listing costs, and so calls nothing for each row.
        """
        data, leaf, heap, times, nodes = self._data, self.level == 0, self._heap, self._times, self._nodes
        stop = _HEADER_SIZE + (last if last == self._count else last + 1) * _ROW_SIZE
        rows = list(_ROW.iter_unpack(data[_HEADER_SIZE + first * _ROW_SIZE : stop]))
        if last == self._count:
            rows.append((times - heap, 0, 0, 0, self.below, 0, b""))  # where a row after the last would begin
        mtimes = struct.unpack_from(f"<{last - first}q", data, times + 8 * first) if leaf else repeat(0)
        found: list[Entry] = []
        for (start, length, kind, mode, before, size, digest_), (next_start, _, _, _, after, _, _), mtime in zip(
            rows, rows[1:], mtimes, strict=False
        ):
            middle, end, below = heap + start + length, heap + next_start, after - before - (kind != 0)
            name, extra, node = data[heap + start : middle], data[middle:end], b""
            if kind == 1:
                valid = leaf and not below and len(extra) <= 1
            elif kind == 2:
                at = nodes + DIGEST_SIZE * int.from_bytes(extra, "little")
                node, extra = data[at : at + DIGEST_SIZE], b""
                valid = leaf and len(node) == DIGEST_SIZE
            elif kind == 0:
                at = nodes + DIGEST_SIZE * (first + len(found))
                node = data[at : at + DIGEST_SIZE]
                valid = not leaf and len(node) == DIGEST_SIZE and not extra
            else:
                valid = leaf and kind <= 4 and not below and 0 < len(extra) <= MAX_EXTRA
            if not valid or middle > end or end > times or below < 0 or mode & ~_MODE_MASK:
                raise self._malformed(f"row {first + len(found)}")
            found.append(_new(Entry, (name, kind, mode, mtime, size, digest_, below, node, extra)))
        return found

    def check(self) -> list[Entry]:
        """Prove that these are exactly the bytes that `encode_page` writes, and return all rows.

        Raises:
            IntegrityError: They are not.
        """
        entries = self.entries()
        try:
            canonical = encode_page(self.level, entries).data == self._data
        except struct.error:  # the bytes of all its files are more than a number has room for
            canonical = False
        if not canonical:
            raise self._malformed("not in canonical form")
        return entries
