"""Check of the trees of versions: T1 to T6, L1 and L2, C10 and C11, each shared node once.

Every check of a node needs no more than the node, and a few facts of what it points to: so nodes can also be checked as
they come, each behind those that it points to.

No recursion: a tree may be as deep as its author liked. What stays in memory is a few words per node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from artfs.errors import IntegrityError
from artfs.format.chunklist import ChunkPage, decode_chunk_page
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind, Page
from artfs.format.operations import Tree
from artfs.format.reference import stored_file
from artfs.names import is_entry_name
from artfs.store.fsck.finding import Finding, Part
from artfs.store.fsck.lookup import ContentLookup
from artfs.store.tree.build import EMPTY_DIGEST
from artfs.store.tree.paging import cut_before, heap_bytes

__all__ = ["TreeChecker"]


class _Seen(NamedTuple):
    """The facts kept about a checked node.

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
        bad: It is damaged, or something below it is.
        own: It is damaged itself.
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


class _Frame:
    """A node on the stack, whose links are being checked."""

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
        elif (file := stored_file(row)) is not None and file.extra:
            yield file.digest


def _chunks(page: Page | ChunkPage, rows: list[Entry]) -> list[bytes]:
    if isinstance(page, ChunkPage):
        return list(page.digests) if page.height == 1 else []
    files = filter(None, map(stored_file, rows))
    return [file.digest for file in files if file.size and not file.extra]


class TreeChecker:
    """Checks the trees of versions, and knows afterwards which paths are affected.

    Args:
        lookup: Finds chunks and nodes.
        is_sound: True for nodes that were checked before, with all that is below them: that is not looked at again.
    """

    def __init__(self, lookup: ContentLookup, is_sound: Callable[[bytes], bool] = lambda _node: False) -> None:
        self._lookup = lookup
        self._is_sound = is_sound
        self._seen: dict[bytes, _Seen] = {}

    def check(self, ref: str, tree: Tree) -> Iterator[Finding]:
        """Check a version's tree, except nodes that were checked with another version's.

        Args:
            ref: The version, for messages.
            tree: Its row in the catalog.
        """
        if self._lookup.node(tree.root) is None and tree.root not in self._seen:
            self._seen[tree.root] = _LOST
            yield self._lookup.missing_node("C11", tree.root, f"the top node of {ref}")
            return
        yield from self._visit(tree.root)
        top = self._seen[tree.root]
        if top is _LOST:
            return
        found = list(self._check_top(tree.root))
        if top.is_list or (top.digest, top.size, top.below) != (tree.digest, tree.size, tree.entries):
            found.append(_finding("T4", tree.root, f"it is not what the catalog says of {ref}"))
        if found:
            self._seen[tree.root] = top._replace(bad=True, own=True)
        yield from found

    def check_node(self, node: bytes) -> Iterator[Finding]:
        """Check a node and all below it, except nodes that were checked."""
        yield from self._visit(node)

    def affected(self, tree: Tree) -> Iterator[bytes]:
        """Yield the paths of a checked tree that damage affects, as in `Affected`."""
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
                if (file := stored_file(row)) is not None:
                    if self._is_bad(file):
                        yield path
                elif row.node and self._seen[row.node].bad:
                    below.append((prefix if row.kind == Kind.PAGE else path + b"/", row.node))
            waiting += reversed(below)

    def _rows(self, node: bytes) -> list[Entry]:
        data = self._lookup.node(node)
        try:
            return [] if data is None or self._seen[node] is _LOST else Page(data).entries()
        except IntegrityError:
            return []

    def _is_bad(self, file: Entry) -> bool:
        if file.extra:
            return self._seen[file.digest].bad
        return bool(file.size) and self._lookup.length(file.digest) is None

    # Node by node

    def _visit(self, top: bytes) -> Iterator[Finding]:
        if top in self._seen:
            return
        stack: list[_Frame] = []
        yield from self._enter(top, stack)
        while stack:
            here = stack[-1]
            link = next(here.waiting, None)
            if link is None:
                stack.pop()
                yield from self._leave(here)
            elif link not in self._seen:
                yield from self._enter(link, stack)

    def _enter(self, node: bytes, stack: list[_Frame]) -> Iterator[Finding]:
        """Decode a node and check it by itself (T1, T2, L1)."""
        self._seen[node] = _LOST  # until it is left; no node can be below itself
        data = self._lookup.node(node)
        if data is None:
            yield self._lookup.missing_node("C10", node, "a node that another points to")
            return
        try:
            if self._is_sound(node):
                self._seen[node] = _facts(node, data)
                return
            page, rows = _decode(data)
            frame = _Frame(node, page, rows)
        except IntegrityError as error:
            yield Finding(_broken(data), Part.TREE, str(error))
            return
        stack.append(frame)
        if unpacked := self._lookup.unpacked(node):
            stack[-1].own = unpacked.part == Part.TREE
            yield unpacked

    def _leave(self, here: _Frame) -> Iterator[Finding]:
        """Compare a node with those that it points to, which are checked by now."""
        page = here.page
        self._lookup.look_up(_chunks(page, here.rows))
        found = list(self._check_list(here, page) if isinstance(page, ChunkPage) else self._check_page(here, page))
        own = here.own or bool(found) or self._lookup.is_bad(here.node)
        files = filter(None, map(stored_file, here.rows))
        chunks_bad = any(self._is_bad(file) for file in files if not file.extra)
        if isinstance(page, ChunkPage):
            chunks_bad = page.height == 1 and any(self._lookup.length(chunk) is None for chunk in page.digests)
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
        yield from self._lookup.missing_chunks(here.node)

    def _check_page(self, here: _Frame, page: Page) -> Iterator[Finding]:
        heap = 0
        for number, row in enumerate(here.rows):
            if number and cut_before(row.name, page.level, number, heap):
                yield _finding("T5", here.node, f"it goes on behind row {number}, where it should be cut")
            heap += heap_bytes(row)
            file = stored_file(row)
            below = self._seen.get(row.node or (row if file is None else file).digest, _LOST)
            what = _row_fault(row, page.level, below, self._lookup)
            if what:
                yield _finding(what, here.node, f"row {number} does not describe what it points to")
            if row.kind == Kind.DIRECTORY:
                yield from self._check_top(row.node)
            elif (file := stored_file(row)) is not None and file.extra:
                yield from self._check_top(file.digest)
        if page.level:
            yield from self._check_cuts(here)

    def _check_list(self, here: _Frame, page: ChunkPage) -> Iterator[Finding]:
        start = 0
        for number, (end, piece) in enumerate(zip(page.ends, page.digests, strict=True)):
            if number and cut_before(piece, page.height, number, 0):
                yield _finding("T5", here.node, f"it goes on behind row {number}, where it should be cut")
            if page.height > 1:
                below = self._seen[piece]
                fits = below is _LOST or (below.is_list and (below.level, below.size) == (page.height - 1, end - start))
            else:
                fits = self._lookup.length(piece) in {None, end - start}
            if not fits:
                yield _finding("L2", here.node, f"piece {number} is not as long as what it names")
            start = end
        yield from self._check_cuts(here)

    # Pages side by side (T5)

    def _check_top(self, top: bytes) -> Iterator[Finding]:
        """Check that the topmost page of a directory or chunk list is needed."""
        seen = self._seen.get(top, _LOST)
        if seen.level and seen.rows < 2:
            yield _finding("T5", top, "it stands above a single page or chunk")

    def _check_cuts(self, here: _Frame) -> Iterator[Finding]:
        """Check the cuts between the pages that a page points to, and between those at their edges, down to the lowest.

        So each two pages that lie side by side on any level are compared once: where the first page above both is.
        """
        for one, following in pairwise(here.links):
            left, right, node = self._fact(one), self._fact(following), one
            while left is not _LOST and right is not _LOST:
                if not cut_before(right.first, left.level, left.rows, left.heap):
                    yield _finding("T5", node, "it ends where it should go on")
                if left.level <= left.is_list or not left.links or not right.links:
                    break
                node = left.links[-1]
                left, right = self._fact(node), self._fact(right.links[0])

    def _fact(self, node: bytes) -> _Seen:
        """Return the facts of a node that was checked, or is sound and was not met yet."""
        if node not in self._seen:
            data = self._lookup.node(node)
            self._seen[node] = _LOST if data is None else _facts(node, data)
        return self._seen[node]


def _facts(node: bytes, data: bytes) -> _Seen:
    """Return the facts of a node that is known to be sound."""
    if data.startswith(b"ATC1"):
        listed = decode_chunk_page(data)
        below = listed.digests if listed.height > 1 else ()
        first, rows = listed.digests[0], len(listed.digests)
        return _Seen(True, listed.height, rows, 0, first, 0, listed.size, node, below, False, False)
    page = Page(data)
    first, nodes = (page.name(0) if len(page) else b""), page.links()[1]
    about = page.below, page.size, page.digest, tuple(nodes)
    return _Seen(False, page.level, len(page), page.paged_bytes, first, *about, False, False)


def _decode(data: bytes) -> tuple[Page | ChunkPage, list[Entry]]:
    if data.startswith(b"ATC1"):
        return decode_chunk_page(data), []
    page = Page(data)
    return page, page.check()


def _broken(data: bytes) -> str:
    """Return the invariant that a node breaks which cannot be decoded."""
    if data.startswith(b"ATC1"):
        return "L1"
    try:
        page = Page(data)
        names = [page.name(row) for row in range(len(page))]
    except IntegrityError:
        return "T1"
    return "T1" if all(map(is_entry_name, names)) and all(a < b for a, b in pairwise(names)) else "T2"


def _row_fault(row: Entry, level: int, below: _Seen, lookup: ContentLookup) -> str:
    """Return the invariant that a row breaks about what it points to; none if that is lost."""
    if row.kind == Kind.FILE and not row.extra:
        if not row.size:
            return "" if row.digest == EMPTY_DIGEST else "L2"
        return "" if lookup.length(row.digest) in {None, row.size} else "L2"
    if row.kind in {Kind.SYMLINK, Kind.REFERENCE}:
        size = len(row.extra) if row.kind == Kind.SYMLINK else row.size
        if (digest(row.extra), size) != (row.digest, row.size):
            return "T1"
        listed = stored_file(row)
        return "" if listed is None else _row_fault(listed, level, below, lookup)
    if below is _LOST:
        return ""
    if row.kind == Kind.FILE:
        return "" if below.is_list and (below.level, below.size) == (row.extra[0], row.size) else "L2"
    agrees = (row.digest, row.below, row.size) == (below.digest, below.below, below.size) and not below.is_list
    if row.kind == Kind.DIRECTORY:
        return "" if agrees else "T4"
    return "" if agrees and (row.name, level - 1) == (below.first, below.level) else "T3"


def _finding(invariant: str, node: bytes, what: str) -> Finding:
    return Finding(invariant, Part.TREE, f"tree node {node.hex()}: {what}")
