"""The pages of an LMDB file, for tests that damage them where it hurts."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

__all__ = ["BIG", "PAGE", "Pages"]

PAGE = 4096
_HEAD = struct.Struct("<QHHHH")  # number, pad, flags, where the offsets end, where the nodes begin
_LEAF, _OVERFLOW = 2, 4
BIG = 1  # of a node: its value has pages of its own
_TRANSACTION, _FREE_ROOT = 144, 80  # in a header page


class Pages:
    """What is in a `data.mdb` that nobody writes to now.

    Args:
        index: Its directory.

    Attributes:
        data: All of it.
    """

    def __init__(self, index: Path) -> None:
        self._path = index / "data.mdb"
        self.data = self._path.read_bytes()

    def write(self, at: int, data: bytes) -> None:
        """Write in place: others may have the file open."""
        with self._path.open("r+b") as file:
            file.seek(at)
            file.write(data)

    def leaves(self) -> list[int]:
        """Numbers of the leaves of the rows' tree, from the left."""
        return list(self._leaves(self._root(_FREE_ROOT + 48)))

    def free_list(self) -> list[tuple[int, int]]:
        """Where each number in the list of free pages stands, and the number."""
        found = []
        for leaf in self._leaves(self._root(_FREE_ROOT)):
            for node in self.nodes(leaf):
                flags, key_size = struct.unpack_from("<HH", self.data, node + 4)
                at = node + 8 + key_size
                if flags & BIG:
                    at = int.from_bytes(self.data[at : at + 8], "little") * PAGE + _HEAD.size
                count = int.from_bytes(self.data[at : at + 8], "little")
                found += [(at + 8 * n, struct.unpack_from("<Q", self.data, at + 8 * n)[0]) for n in range(1, count + 1)]
        return found

    def nodes(self, page: int) -> list[int]:
        """Where the nodes of a page are."""
        *_rest, lower, _upper = _HEAD.unpack_from(self.data, page * PAGE)
        offsets = self.data[page * PAGE + _HEAD.size : page * PAGE + lower]
        return [page * PAGE + at for (at,) in struct.iter_unpack("<H", offsets)]

    def all_leaves(self) -> list[int]:
        """Numbers of all leaves, those that are not used any more among them."""
        found, page = [], 2
        while page * PAGE < len(self.data):
            _number, _pad, flags, lower, upper = _HEAD.unpack_from(self.data, page * PAGE)
            if flags & _LEAF:
                found.append(page)
            page += (lower | upper << 16) if flags & _OVERFLOW else 1
        return found

    def _root(self, field: int) -> int:
        newer = max((0, PAGE), key=lambda meta: struct.unpack_from("<Q", self.data, meta + _TRANSACTION))
        return int(struct.unpack_from("<Q", self.data, newer + field)[0])

    def _leaves(self, page: int) -> Iterator[int]:
        if page == (1 << 64) - 1:
            return
        if _HEAD.unpack_from(self.data, page * PAGE)[2] & _LEAF:
            yield page
            return
        for node in self.nodes(page):
            low, high, top = struct.unpack_from("<HHH", self.data, node)
            yield from self._leaves(low | high << 16 | top << 32)
