"""Check of the pages of an LMDB file, read as a file: LMDB itself trusts them.

A read through LMDB never looks at the list of free pages, and a writer trusts it: a page that is in use and listed as
free would be written over. So every page of a snapshot is visited, and none may be met twice. Rows are not decoded.

The layout is that of LMDB 0.9 (`mdb.c`: MDB_page, MDB_node, MDB_meta, MDB_db; 64 bits, little-endian).
"""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artfs.kv.environment import Environment

__all__ = ["check_pages"]

_HEAD: Final = struct.Struct("<QHHHH")  # number, pad, flags, lower, upper
_NODE: Final = struct.Struct("<HHHH")  # low and high half of the data's size (of a branch: page), flags, key's size
_META: Final = struct.Struct("<QHHHH 2IQQ IHH5Q IHH5Q QQ")
_META_FLAG, _BRANCH, _LEAF, _OVERFLOW, _BIG = 8, 1, 2, 4, 1
_INTEGER_KEYS: Final = 8
_NO_PAGE: Final = (1 << 64) - 1
_ATTEMPTS: Final = 100
_MAX_DEPTH: Final = 32


class _PageError(Exception):
    """A page that contradicts another, the header or itself."""


class _Tree(NamedTuple):
    """The fields of a header for one of its two trees."""

    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    root: int


class _Node(NamedTuple):
    key: bytes
    flags: int
    size: int
    page: int
    data: bytes


def check_pages(environment: Environment) -> Iterator[str]:
    """Visit every page of an environment (C14) while others go on writing; yield each damage.

    Raises:
        IntegrityError: It cannot be read.
        StorageError: The system failed to read.
    """
    data = os.open(environment.path / "data.mdb", os.O_RDONLY | os.O_CLOEXEC)
    try:
        for _attempt in range(_ATTEMPTS):
            with environment.read() as txn:  # keeps the pages of its snapshot from being written over
                metas = [_META.unpack(os.pread(data, _META.size, at)) for at in (0, environment.page_size)]
                current = [meta for meta in metas if meta[-1] == txn.id()]
                if not current:
                    continue  # two commits since it began
                try:
                    _Snapshot(data, environment.page_size, current[0]).visit()
                except _PageError as error:
                    yield str(error)
                return
        yield "no header of the index is of the snapshot that LMDB reads"
    finally:
        os.close(data)


class _Snapshot:
    def __init__(self, data: int, page_size: int, meta: tuple[int, ...]) -> None:
        self._data = data
        self._page_size = page_size
        self._meta = meta
        self._last = meta[-2]
        self._seen: set[int] = set()

    def visit(self) -> None:
        """Visit both trees, and the free pages that one of them lists."""
        number, _pad, flags, *_rest = self._meta
        free_flags, main_flags = self._meta[10], self._meta[18]
        if number > 1 or flags != _META_FLAG or free_flags != _INTEGER_KEYS or main_flags:
            raise _PageError("the header of the index is not as LMDB writes it")
        free, main = _tree(self._meta[9:17]), _tree(self._meta[17:25])
        for _node in self._leaves(main, integers=False):
            pass
        listed: list[bytes] = [node.data for node in self._leaves(free, integers=True)]
        for pages in listed:
            self._visit_free(pages)

    def _visit_free(self, pages: bytes) -> None:
        """Mark the pages of one value of the free list: their count, then their numbers, descending."""
        count = int.from_bytes(pages[:8], "little")
        if 8 * (count + 1) > len(pages):
            raise _PageError("a list of free pages is longer than its value")
        for (number,) in struct.iter_unpack("<Q", pages[8 : 8 * (count + 1)]):
            self._mark(number)

    def _mark(self, number: int) -> None:
        if not 2 <= number <= self._last:  # 0 and 1 are the headers
            raise _PageError(f"a page {number} is spoken of, and the last is {self._last}")
        if number in self._seen:
            raise _PageError(f"page {number} is used twice, or used and listed as free")
        self._seen.add(number)

    def _leaves(self, tree: _Tree, *, integers: bool) -> Iterator[_Node]:
        """Visit the pages of a tree; yield its rows."""
        counted = _Counts()
        if tree.root != _NO_PAGE:
            yield from self._below(tree.root, 1, tree.depth, (b"", None), integers, counted)
        depth = 0 if tree.root == _NO_PAGE else tree.depth
        if (depth, *counted.all()) != (tree.depth, tree.branches, tree.leaves, tree.overflows, tree.entries):
            raise _PageError("the header of the index counts other pages or rows than there are")

    def _below(
        self, number: int, level: int, depth: int, bounds: tuple[bytes, bytes | None], integers: bool, counted: _Counts
    ) -> Iterator[_Node]:
        if level > min(depth, _MAX_DEPTH):
            raise _PageError(f"page {number} is deeper than the header says")
        page = self._page(number, _LEAF if level == depth else _BRANCH)
        nodes = self._nodes(number, page, is_leaf=level == depth)
        _check_order(number, nodes, bounds, is_leaf=level == depth, integers=integers)
        if level == depth:
            counted.leaves += 1
            counted.entries += len(nodes)
            for node in nodes:
                yield self._with_data(node, counted) if node.flags & _BIG else node
            return
        counted.branches += 1
        for place, node in enumerate(nodes):
            low = node.key if place else bounds[0]
            high = nodes[place + 1].key if place + 1 < len(nodes) else bounds[1]
            yield from self._below(node.page, level + 1, depth, (low, high), integers, counted)

    def _page(self, number: int, kind: int) -> bytes:
        self._mark(number)
        page = os.pread(self._data, self._page_size, number * self._page_size)
        if len(page) < self._page_size:
            raise _PageError(f"page {number} is behind the end of the file")
        says, _pad, flags, _lower, _upper = _HEAD.unpack_from(page)
        if (says, flags) != (number, kind):
            raise _PageError(f"page {number} is not of the kind that it should be")
        return page

    def _nodes(self, number: int, page: bytes, *, is_leaf: bool) -> list[_Node]:
        *_head, lower, upper = _HEAD.unpack_from(page)
        if lower % 2 or not _HEAD.size < lower <= upper <= len(page):
            raise _PageError(f"page {number} has room for no such rows")
        nodes = []
        for (at,) in struct.iter_unpack("<H", page[_HEAD.size : lower]):
            if not upper <= at <= len(page) - _NODE.size:
                raise _PageError(f"a row of page {number} is outside of it")
            low, high, flags, key_size = _NODE.unpack_from(page, at)
            start = at + _NODE.size + key_size
            size = (low | high << 16) if is_leaf else 0
            inline = (8 if flags & _BIG else size) if is_leaf else 0
            if start + inline > len(page) or (is_leaf and flags & ~_BIG):
                raise _PageError(f"a row of page {number} is longer than it")
            below = low | high << 16 | flags << 32
            nodes.append(_Node(page[start - key_size : start], flags, size, below, page[start : start + inline]))
        return nodes

    def _with_data(self, node: _Node, counted: _Counts) -> _Node:
        """Read the value of a row that has pages of its own."""
        number = int.from_bytes(node.data, "little")
        head = self._page(number, _OVERFLOW)
        *_head, low, high = _HEAD.unpack_from(head)
        pages = low | high << 16  # more than it needs where a longer value was written over
        if not _HEAD.size + node.size <= pages * self._page_size <= (self._last + 1 - number) * self._page_size:
            raise _PageError(f"the value on page {number} is longer than its pages, or the file")
        for more in range(number + 1, number + pages):
            self._mark(more)
        counted.overflows += pages
        data = os.pread(self._data, node.size, number * self._page_size + _HEAD.size)
        return node._replace(data=data)


class _Counts:
    def __init__(self) -> None:
        self.branches = self.leaves = self.overflows = self.entries = 0

    def all(self) -> tuple[int, int, int, int]:
        """Return them in the order of a header."""
        return self.branches, self.leaves, self.overflows, self.entries


def _tree(db: tuple[int, ...]) -> _Tree:
    _pad, _flags, *rest = db
    depth, branches, leaves, overflows, entries, root = rest
    return _Tree(depth, branches, leaves, overflows, entries, root)


def _check_order(
    number: int, nodes: list[_Node], bounds: tuple[bytes, bytes | None], *, is_leaf: bool, integers: bool
) -> None:
    """Compare the keys of a page with each other, and with the bounds from the page above."""
    keys = [node.key for node in (nodes if is_leaf else nodes[1:])]  # the first key of a branch has no meaning
    low, high = bounds
    if integers:
        if any(len(key) != 8 for key in keys):
            raise _PageError(f"a list on page {number} has a key that is no number")
        numbers = [int.from_bytes(key, "little") for key in keys]
        first, last = int.from_bytes(low, "little"), None if high is None else int.from_bytes(high, "little")
        fits = all(a < b for a, b in pairwise(numbers))
        fits = fits and (not numbers or (first <= numbers[0] and (last is None or numbers[-1] < last)))
    else:
        fits = all(a < b for a, b in pairwise(keys))
        fits = fits and (not keys or (low <= keys[0] and (high is None or keys[-1] < high)))
    if not fits:
        raise _PageError(f"the keys of page {number} are out of order")
