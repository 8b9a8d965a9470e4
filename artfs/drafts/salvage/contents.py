"""Contents of a draft's files after records of its redo log were lost.

A file of which extents overlap, are behind its end, or point to what a data file has not any more, was changed by a
record that is lost: what is left does not belong together. Reading it is refused until it is written again.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping

from artfs.drafts.data.data_files import DataFiles, is_shared
from artfs.drafts.db.schema import (
    Extent,
    InodeRow,
    RowReader,
    decode_extent,
    encode_extent,
    encode_refused,
    extent_key,
    refused_key,
)

__all__ = ["ContentSalvage"]

_Extents = list[tuple[int, Extent]]


class ContentSalvage:
    """Finds the files of a damaged draft that cannot be read any more.

    Args:
        rows: The draft's rows.
        files: Its data files.
        inodes: Its inodes.

    Attributes:
        unreadable: Inodes of those files.
    """

    def __init__(self, rows: RowReader, files: DataFiles, inodes: Mapping[int, InodeRow]) -> None:
        self._rows = rows
        self._files = files
        self._inodes = inodes
        self._extents: dict[int, _Extents] = {}
        self.unreadable: set[int] = set()
        found: dict[int, _Extents] = {}
        for key, value in rows.items(b"E"):
            found.setdefault(int.from_bytes(key[:8]), []).append((int.from_bytes(key[8:]), decode_extent(value)))
        for ino, extents in found.items():
            row = inodes.get(ino)
            if row is not None and stat.S_ISREG(row.mode):
                self._extents[ino] = list(self._sound(ino, extents, row.size))
        self._find_shared_bytes()

    def changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Rows to change: of extents, and of what cannot be read."""
        rows = {
            extent_key(ino, start): encode_extent(extent)
            for ino, extents in self._extents.items()
            for start, extent in extents
        }
        for key, end in self._rows.items(b"R"):
            ino = int.from_bytes(key[:8])
            if ino in self._inodes and ino not in self.unreadable:
                rows[b"R" + key] = end
        for ino in self.unreadable:
            if self._inodes[ino].size:
                rows[refused_key(ino, 0)] = encode_refused(self._inodes[ino].size)
        for table in (b"E", b"R"):
            for key, _value in self._rows.items(table):
                if table + key not in rows:
                    yield table + key, None
        yield from rows.items()

    def _sound(self, ino: int, extents: _Extents, size: int) -> Iterator[tuple[int, Extent]]:
        """The extents of a file that are in it, do not overlap, and have their bytes."""
        before = 0
        for start, extent in extents:
            kept = max(start, before), extent._replace(end=min(extent.end, size))
            whole = kept == (start, extent) and self._has_bytes(start, extent)
            if not whole:
                self.unreadable.add(ino)
            before = max(before, extent.end)
            if whole or (kept[0] < kept[1].end and self._files.length(extent.data) is not None):
                yield kept

    def _has_bytes(self, start: int, extent: Extent) -> bool:
        """Return whether a data file is there, and has no hole in the place of an extent: that space was given up.

        One that is too short lacks what was never synced, after a power cut, as without damage.
        """
        length = self._files.length(extent.data)
        if length is None:
            return False
        first, end = extent.base + start, min(extent.base + extent.end, length)
        return first >= end or self._files.next_hole(extent.data, first) >= end

    def _find_shared_bytes(self) -> None:
        """Find files that have the same bytes of a data file: one of them has lost its own."""
        places: dict[int, list[tuple[int, int, int]]] = {}
        for ino, extents in self._extents.items():
            for start, extent in extents:
                places.setdefault(extent.data, []).append((extent.base + start, extent.base + extent.end, ino))
        for data, used in places.items():
            used.sort()
            end, owner = 0, 0
            for start, following, ino in used:
                if owner not in (0, ino) and (start < end or not is_shared(data)):
                    self.unreadable |= {owner, ino}
                    self._extents[ino] = [found for found in self._extents[ino] if found[1].data != data]
                else:
                    end, owner = max(end, following), ino
