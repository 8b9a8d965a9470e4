"""Check what versions are made of: T1 to T6, L1 and L2, C10 and C11, each node once however many versions share it.

No recursion: a tree may be as deep as its author liked. What stays in memory is a few words per node.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from artfs.errors import IntegrityError
from artfs.format.chunklist import ChunkPage, decode_chunk_page
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind, Page
from artfs.format.operations import Tree
from artfs.names import is_entry_name
from artfs.store.fsck.finding import Finding, Part
from artfs.store.fsck.known import Known
from artfs.store.tree.build import EMPTY_DIGEST
from artfs.store.tree.paging import cut_before, heap_bytes

__all__ = ["Trees"]


class _Seen(NamedTuple):
    """What is remembered of a node.

    Attributes:
        is_list: A page of a chunk list, not of a directory.
        level: The page's level or height.
        rows: How many rows it has.
        heap: Bytes of its heap; 0 of a chunk list.
        first: Its first name, or its first piece's digest.
        below: Positions it covers.
        size: Bytes below it.
        digest: Content digest.
        links: Nodes that its rows point to.
        bad: The damage is in it or below it.
        own: The damage is in itself.
    """

    is_list: bool
    level: int
    rows: int
    heap: int
    first: bytes
    below: int
    size: int
    digest: bytes
    links: tuple[bytes, ...]
    bad: bool
    own: bool


_LOST = _Seen(False, 0, 0, 0, b"", 0, 0, b"", (), True, True)


class _Open:
    """A node whose links are being checked."""

    __slots__ = ("links", "node", "own", "page", "rows", "waiting")

    def __init__(self, node: bytes, page: Page | ChunkPage, rows: list[Entry]) -> None:
        self.node = node
        self.page = page
        self.rows = rows
        self.links = tuple(_links(page, rows))
        self.waiting = iter(self.links)
        self.own = False


def _links(page: Page | ChunkPage, rows: list[Entry]) -> Iterator[bytes]:
    if isinstance(page, ChunkPage):
        if page.height > 1:
            yield from page.digests
        return
    for row in rows:
        if row.kind in {Kind.PAGE, Kind.DIRECTORY}:
            yield row.node
        elif row.kind == Kind.FILE and row.extra:
            yield row.digest


def _chunks(page: Page | ChunkPage, rows: list[Entry]) -> list[bytes]:
    if isinstance(page, ChunkPage):
        return list(page.digests) if page.height == 1 else []
    return [row.digest for row in rows if row.kind == Kind.FILE and row.size and not row.extra]


class Trees:
    """The trees of all versions that `check` was given.

    Args:
        known: What index and packs know.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._seen: dict[bytes, _Seen] = {}
        self._stacks: set[bytes] = set()

    def check(self, ref: str, tree: Tree) -> Iterator[Finding]:
        """Check a version's tree, but for what was checked with another's.

        Args:
            ref: The version, for messages.
            tree: What the catalog says of it.
        """
        if self._known.node(tree.root) is None and tree.root not in self._seen:
            self._seen[tree.root] = _LOST
            yield self._known.missing_node("C11", tree.root, f"the top node of {ref}")
            return
        yield from self._visit(tree.root)
        top = self._seen[tree.root]
        if top is _LOST:
            return
        found = list(self._check_paging(tree.root))
        if top.is_list or (top.digest, top.size, top.below) != (tree.digest, tree.size, tree.entries):
            found.append(_finding("T4", tree.root, f"it is not what the catalog says of {ref}"))
        if found:
            self._seen[tree.root] = top._replace(bad=True, own=True)
        yield from found

    def affected(self, tree: Tree) -> Iterator[bytes]:
        """The paths of a checked tree that the damage concerns, as `Affected` has them."""
        if not self._seen[tree.root].bad:
            return
        waiting = [(b"", tree.root)]
        while waiting:
            prefix, node = waiting.pop()
            if self._seen[node].own:
                yield prefix
            below = []
            for row in self._rows(node):
                path = prefix + row.name
                if row.kind == Kind.FILE:
                    if self._is_bad(row):
                        yield path
                elif row.node and self._seen[row.node].bad:
                    below.append((prefix if row.kind == Kind.PAGE else path + b"/", row.node))
            waiting += reversed(below)

    def _rows(self, node: bytes) -> list[Entry]:
        data = self._known.node(node)
        try:
            return [] if data is None or self._seen[node] is _LOST else Page(data).entries()
        except IntegrityError:
            return []

    def _is_bad(self, file: Entry) -> bool:
        if file.extra:
            return self._seen[file.digest].bad
        return bool(file.size) and self._known.length(file.digest) is None

    # Node by node

    def _visit(self, top: bytes) -> Iterator[Finding]:
        if top in self._seen:
            return
        stack: list[_Open] = []
        yield from self._enter(top, stack)
        while stack:
            here = stack[-1]
            link = next(here.waiting, None)
            if link is None:
                stack.pop()
                yield from self._leave(here)
            elif link not in self._seen:
                yield from self._enter(link, stack)

    def _enter(self, node: bytes, stack: list[_Open]) -> Iterator[Finding]:
        """Decode a node and prove it by itself (T1, T2, L1)."""
        self._seen[node] = _LOST  # until it is left; no node can be below itself
        data = self._known.node(node)
        if data is None:
            yield self._known.missing_node("C10", node, "a node that another points to")
            return
        try:
            page, rows = _decode(data)
        except IntegrityError as error:
            yield Finding(_broken(data), Part.TREE, str(error))
            return
        stack.append(_Open(node, page, rows))
        if unpacked := self._known.unpacked(node):
            stack[-1].own = unpacked.part == Part.TREE
            yield unpacked

    def _leave(self, here: _Open) -> Iterator[Finding]:
        """Hold a node against those that it points to, which are known by now."""
        page = here.page
        self._known.look_up(_chunks(page, here.rows))
        found = list(self._check_list(here, page) if isinstance(page, ChunkPage) else self._check_page(here, page))
        own = here.own or bool(found) or self._known.is_bad(here.node)
        chunks_bad = any(self._is_bad(row) for row in here.rows if row.kind == Kind.FILE and not row.extra)
        if isinstance(page, ChunkPage):
            chunks_bad = page.height == 1 and any(self._known.length(chunk) is None for chunk in page.digests)
            first, heap, level, rows, below = page.digests[0], 0, page.height, len(page.digests), 0
            content = here.node
        else:
            first, heap = (here.rows[0].name if here.rows else b""), sum(map(heap_bytes, here.rows))
            level, rows, below, content = page.level, len(here.rows), page.below, page.digest
        bad = own or chunks_bad or any(self._seen[link].bad for link in here.links)
        is_list = isinstance(page, ChunkPage)
        self._seen[here.node] = _Seen(
            is_list, level, rows, heap, first, below, page.size, content, here.links, bad, own
        )
        yield from found
        yield from self._known.missing_chunks(here.node)

    def _check_page(self, here: _Open, page: Page) -> Iterator[Finding]:
        heap = 0
        for number, row in enumerate(here.rows):
            if number and cut_before(row.name, page.level, number, heap):
                yield _finding("T5", here.node, f"it goes on behind row {number}, where it should be cut")
            heap += heap_bytes(row)
            what = _row_fault(row, page.level, self._seen.get(row.node or row.digest, _LOST), self._known)
            if what:
                yield _finding(what, here.node, f"row {number} does not tell what it points to")
            if row.kind == Kind.DIRECTORY:
                yield from self._check_paging(row.node)
            elif row.kind == Kind.FILE and row.extra:
                yield from self._check_paging(row.digest)

    def _check_list(self, here: _Open, page: ChunkPage) -> Iterator[Finding]:
        start = 0
        for number, (end, piece) in enumerate(zip(page.ends, page.digests, strict=True)):
            if number and cut_before(piece, page.height, number, 0):
                yield _finding("T5", here.node, f"it goes on behind row {number}, where it should be cut")
            if page.height > 1:
                below = self._seen[piece]
                fits = below is _LOST or (below.is_list and (below.level, below.size) == (page.height - 1, end - start))
            else:
                fits = self._known.length(piece) in {None, end - start}
            if not fits:
                yield _finding("L2", here.node, f"piece {number} is not as long as what it names")
            start = end

    # Pages side by side

    def _check_paging(self, top: bytes) -> Iterator[Finding]:
        """Check where the pages below a directory's or chunk list's topmost page are cut (T5)."""
        if top in self._stacks:
            return
        self._stacks.add(top)
        lowest = 1 if self._seen[top].is_list else 0
        pages: Sequence[bytes] = [top]
        while pages:
            seen = [self._seen[page] for page in pages]
            if any(page is _LOST for page in seen):
                return
            for (one, node), (following, _node) in pairwise(zip(seen, pages, strict=True)):
                if not cut_before(following.first, one.level, one.rows, one.heap):
                    yield _finding("T5", node, "it ends where it should go on")
            if len(pages) == 1 and seen[0].level and seen[0].rows < 2:
                yield _finding("T5", top, "it stands above a single page or chunk")
            if seen[0].level <= lowest:
                return
            pages = [link for page in seen for link in page.links]


def _decode(data: bytes) -> tuple[Page | ChunkPage, list[Entry]]:
    if data.startswith(b"ATC1"):
        return decode_chunk_page(data), []
    page = Page(data)
    return page, page.check()


def _broken(data: bytes) -> str:
    """Which invariant a node that cannot be decoded breaks."""
    if data.startswith(b"ATC1"):
        return "L1"
    try:
        page = Page(data)
        names = [page.name(row) for row in range(len(page))]
    except IntegrityError:
        return "T1"
    return "T1" if all(map(is_entry_name, names)) and all(a < b for a, b in pairwise(names)) else "T2"


def _row_fault(row: Entry, level: int, below: _Seen, known: Known) -> str:
    """Which invariant a row breaks by what it says of what it points to; none if it points to something lost."""
    if row.kind == Kind.FILE and not row.extra:
        if not row.size:
            return "" if row.digest == EMPTY_DIGEST else "L2"
        return "" if known.length(row.digest) in {None, row.size} else "L2"
    if row.kind in {Kind.SYMLINK, Kind.REFERENCE}:
        size = len(row.extra) if row.kind == Kind.SYMLINK else row.size
        return "" if (digest(row.extra), size) == (row.digest, row.size) else "T1"
    if below is _LOST:
        return ""
    if row.kind == Kind.FILE:
        return "" if below.is_list and (below.level, below.size) == (row.extra[0], row.size) else "L2"
    told = (row.digest, row.below, row.size) == (below.digest, below.below, below.size) and not below.is_list
    if row.kind == Kind.DIRECTORY:
        return "" if told else "T4"
    return "" if told and (row.name, level - 1) == (below.first, below.level) else "T3"


def _finding(invariant: str, node: bytes, what: str) -> Finding:
    return Finding(invariant, Part.TREE, f"tree node {node.hex()}: {what}")
