"""Cache of decoded pages, and lookup of entries by name and by pre-order position."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

from artfs.chunks.chunk_cache import touch
from artfs.errors import IntegrityError, NotFoundError
from artfs.format.chunklist import ChunkPage, Piece, decode_chunk_page
from artfs.format.node import Entry, Kind, Page

__all__ = ["Pages"]

_MAX_DECODED_ROWS = 32_768  # about 300 bytes each


class Pages:
    """Decoded pages of one store, the least recently used dropped first.

    A page was checked against its digest when it was read, and is in this process's own memory. Threads may share them.

    Args:
        load: Returns the bytes of a node, checked against its digest.
        max_bytes: Bound on the memory used.
    """

    def __init__(self, load: Callable[[bytes], bytes], max_bytes: int = 16 << 20) -> None:
        self._load = load
        self._lock = threading.Lock()  # taken to add pages and to drop them; lookups take none
        self._free = max_bytes
        self._rows = 0
        self._decoded: OrderedDict[bytes, list[Entry]] = OrderedDict()
        self._pages: OrderedDict[bytes, tuple[Page | ChunkPage, int]] = OrderedDict()

    def get(self, node: bytes) -> Page:
        """Return the directory page `node`."""
        page = self._fetch(node, Page)
        if not isinstance(page, Page):
            raise IntegrityError(f"tree node {node.hex()} is a chunk list where a directory was expected")
        return page

    def entries(self, node: bytes) -> list[Entry]:
        """Return all rows of a directory page, decoded once for the many requests of a listing."""
        rows = self._decoded.get(node)
        if rows is None:
            rows = self.get(node).entries()
            with self._lock:
                if node not in self._decoded:
                    self._decoded[node] = rows
                    self._rows += len(rows)
                while self._rows > _MAX_DECODED_ROWS and len(self._decoded) > 1:
                    self._rows -= len(self._decoded.popitem(last=False)[1])
        else:
            touch(self._decoded, node)
        return rows

    def chunks(self, node: bytes) -> ChunkPage:
        """Return the chunk list page `node`."""
        page = self._fetch(node, decode_chunk_page)
        if isinstance(page, Page):
            raise IntegrityError(f"tree node {node.hex()} is a directory where a chunk list was expected")
        return page

    def _fetch(self, node: bytes, decode: Callable[[bytes], Page | ChunkPage]) -> Page | ChunkPage:
        cached = self._pages.get(node)
        if cached is not None:
            touch(self._pages, node)
            return cached[0]
        data = self._load(node)
        page = decode(data)
        cost = len(data) * (1 if isinstance(page, Page) else 4) + 400
        with self._lock:
            if node not in self._pages:
                self._pages[node] = page, cost
                self._free -= cost
            while self._free < 0 and len(self._pages) > 1:
                self._free += self._pages.popitem(last=False)[1][1]
        return page

    def find(self, node: bytes, name: bytes) -> tuple[Entry, int] | None:
        """Find a name in the directory whose topmost page is `node`.

        Returns:
            The entry and its position relative to the directory's first entry, or None.
        """
        position = 0
        page = self.get(node)
        while page.level:
            row = page.child_for(name)
            position += page.before(row)
            page = self.get(page.entry(row).node)
        found = page.index(name)
        return None if found is None else (page.entry(found), position + page.before(found))

    def descend(self, node: bytes, position: int) -> Entry:
        """Return the entry at a position of a whole tree.

        Args:
            node: The topmost page of its root directory.
            position: Relative to the root directory's first entry.

        Raises:
            NotFoundError: There is none.
        """
        return self.trail(node, position, only_last=True)[-1]

    def trail(self, node: bytes, position: int, *, only_last: bool = False) -> list[Entry]:
        """Return the entries on the way to a position: its directories, outermost first, then itself.

        Args:
            node: The topmost page of the root directory.
            position: Relative to the root directory's first entry.
            only_last: Decode only the last.

        Raises:
            NotFoundError: There is none.
        """
        page = self.get(node)
        if not 0 <= position < page.below:
            raise NotFoundError(f"no entry at position {position}")
        found: list[Entry] = []
        while True:
            row = page.at_position(position)
            position -= page.before(row)
            kind, below = page.link(row)
            if kind != Kind.PAGE:
                if not position or not only_last:
                    found.append(page.entry(row))
                if not position:
                    return found
                if kind != Kind.DIRECTORY:
                    raise IntegrityError(f"tree node {node.hex()} gives a file more than one position")
                position -= 1
            page = self.get(below)

    def iterate(self, node: bytes, position: int = 0) -> Iterator[tuple[int, Entry]]:
        """Yield a directory's entries with their relative positions, the first at or after `position`."""
        for at, entries in self.runs(node, position):
            for entry in entries:
                yield at, entry
                at += entry.positions  # noqa: PLW2901 # of the next

    def runs(self, node: bytes, position: int = 0) -> Iterator[tuple[int, list[Entry]]]:
        """Do the same a page at a time, with the relative position of the first of its entries."""
        page = self.get(node)
        if position >= page.below:
            return
        row = page.at_position(position)
        if page.level:
            for index in range(row, len(page)):
                base = page.before(index)
                for at, entries in self.runs(page.entry(index).node, max(position - base, 0)):
                    yield base + at, entries
        else:
            row += page.before(row) < position
            yield page.before(row), self.entries(node)[row:]

    def top(self, node: bytes) -> Entry:
        """Return the `PAGE` row of a directory's topmost page."""
        page = self.get(node)
        first = page.name(0) if len(page) else b""
        return Entry(first, Kind.PAGE, 0, 0, page.size, page.digest, page.below, node)

    def leaves(self, node: bytes) -> list[Entry]:
        """Return the `PAGE` rows of all leaf pages of a directory, in order."""
        page = self.get(node)
        if page.level == 0:
            return [self.top(node)]
        rows = page.entries()
        if page.level == 1:
            return rows
        return [leaf for row in rows for leaf in self.leaves(row.node)]

    def pieces(self, entry: Entry) -> Iterator[Piece]:
        """Yield all chunks of a file, in order."""
        if not entry.size:
            return
        if not entry.extra:
            yield Piece(entry.size, entry.digest)
            return
        yield from self._pieces(entry.digest)

    def _pieces(self, node: bytes) -> Iterator[Piece]:
        page = self.chunks(node)
        start = 0
        for end, piece in zip(page.ends, page.digests, strict=True):
            if page.height == 1:
                yield Piece(end - start, piece)
            else:
                yield from self._pieces(piece)
            start = end

    def piece_at(self, entry: Entry, offset: int) -> tuple[int, int, bytes]:
        """Find the chunk of a file that contains a byte.

        Args:
            entry: A file.
            offset: 0 <= offset < entry.size.

        Returns:
            The chunk's start in the file, its length and its digest.
        """
        if not entry.extra:
            return 0, entry.size, entry.digest
        base, node = 0, entry.digest
        while True:
            page = self.chunks(node)
            row = page.find(offset - base)
            start = page.ends[row - 1] if row else 0
            base += start
            if page.height == 1:
                return base, page.ends[row] - start, page.digests[row]
            node = page.digests[row]
