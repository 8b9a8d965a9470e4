"""Builder of tree nodes: of directories, of chunk lists, and of edited trees.

Everything here is pure but for the two Protocols: pages come from a `Pages` and go to a `NodeSink`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from artfs.errors import NotFoundError
from artfs.format.chunklist import Piece, encode_chunk_page
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind, encode_page
from artfs.names import quoted
from artfs.store.tree.pages import Pages
from artfs.store.tree.paging import cut_before, cut_pieces, cut_rows, heap_bytes

__all__ = [
    "EMPTY_DIGEST",
    "Change",
    "Content",
    "NodeSink",
    "as_directory",
    "build_content",
    "build_directory",
    "edit_directory",
    "edit_tree",
]

EMPTY_DIGEST = digest(b"")

Content = tuple[bytes, bytes]
"""Content of a file in its entry: digest, and extra (the height of the chunk list, or nothing)."""

Change = Entry | None
"""The new entry; None removes it."""


class NodeSink(Protocol):
    """Receives encoded nodes, and skips those that the store has already."""

    def add(self, node: bytes, data: bytes) -> None:
        """Keep the node `data`, whose digest is `node`."""


def build_directory(entries: Iterable[Entry], sink: NodeSink) -> Entry:
    """Store a directory's pages.

    Args:
        entries: Sorted by name, names valid and distinct.
        sink: Receives the pages.

    Returns:
        The `PAGE` row of its topmost page.
    """
    return _stack([_seal(0, page, sink) for page in cut_rows(entries, 0)], sink)


def _seal(level: int, rows: Sequence[Entry], sink: NodeSink) -> Entry:
    page = encode_page(level, rows)
    sink.add(page.node, page.data)
    return page.as_row()


def _stack(refs: list[Entry], sink: NodeSink) -> Entry:
    """Store the inner levels above a level's pages, up to a single page."""
    level = 0
    while len(refs) != 1:
        level += 1
        refs = [_seal(level, page, sink) for page in cut_rows(refs, level)] if refs else [_seal(0, (), sink)]
    return refs[0]


def build_content(chunks: Sequence[Piece], sink: NodeSink) -> Content:
    """Store a file's chunk list, if it needs one.

    Args:
        chunks: Of the whole file, in order; none of them empty.
        sink: Receives the pages of the list.
    """
    if not chunks:
        return EMPTY_DIGEST, b""
    pieces, height = list(chunks), 0
    while len(pieces) > 1:
        height += 1
        pieces = [_seal_pieces(height, page, sink) for page in cut_pieces(pieces, height)]
    return pieces[0].digest, bytes((height,)) if height else b""


def _seal_pieces(height: int, page: Sequence[Piece], sink: NodeSink) -> Piece:
    data = encode_chunk_page(height, page)
    node = digest(data)
    sink.add(node, data)
    return Piece(sum(piece.length for piece in page), node)


def edit_directory(node: bytes, changes: Mapping[bytes, Change], pages: Pages, sink: NodeSink) -> Entry:
    """Store a directory with `changes` applied, writing only the pages that differ.

    Args:
        node: Its topmost page's node digest.
        changes: By name: the new entry, or None to remove it (which need not exist).
        pages: Reads the old pages.
        sink: Receives the new pages.

    Returns:
        The `PAGE` row of the new topmost page.
    """
    refs = pages.leaves(node)
    names = sorted(changes)
    kept: list[Entry] = []
    row = 0
    while row < len(refs):
        if not _touched(refs, row, names):
            kept.append(refs[row])
            row += 1
            continue
        while row and _removed(refs[row].name, changes):  # its boundary is removed, so the page before it is open again
            kept.pop()
            row -= 1
        row = _rewrite(refs, row, names, changes, pages, sink, kept)
    return _stack(kept, sink)


def _bounds(refs: list[Entry], row: int, names: list[bytes]) -> tuple[int, int]:
    """Return the range of the sorted `names` that belong into leaf `row`."""
    start = 0 if row == 0 else bisect_left(names, refs[row].name)
    stop = len(names) if row + 1 == len(refs) else bisect_left(names, refs[row + 1].name)
    return start, stop


def _touched(refs: list[Entry], row: int, names: list[bytes]) -> bool:
    start, stop = _bounds(refs, row, names)
    return start < stop


def _removed(name: bytes, changes: Mapping[bytes, Change]) -> bool:
    return name in changes and changes[name] is None


def _rewrite(
    refs: list[Entry],
    row: int,
    names: list[bytes],
    changes: Mapping[bytes, Change],
    pages: Pages,
    sink: NodeSink,
    kept: list[Entry],
) -> int:
    """Rewrite leaves from `row` on until an old boundary stays; return the row after the last one."""
    pending: list[Entry] = []
    while row < len(refs):
        start, stop = _bounds(refs, row, names)
        pending += _merge(pages.get(refs[row].node).entries(), names[start:stop], changes)
        row += 1
        *whole, pending = list(cut_rows(pending, 0)) or [[]]
        kept += [_seal(0, page, sink) for page in whole]
        if row < len(refs) and pending and _stays(refs[row].name, pending, changes):
            break
    if pending:
        kept.append(_seal(0, pending, sink))
    return row


def _stays(name: bytes, page: list[Entry], changes: Mapping[bytes, Change]) -> bool:
    """Return whether the old boundary before `name` is one after the new `page` too."""
    return not _removed(name, changes) and cut_before(name, 0, len(page), sum(map(heap_bytes, page)))


def _merge(entries: list[Entry], names: list[bytes], changes: Mapping[bytes, Change]) -> list[Entry]:
    merged = {entry.name: entry for entry in entries}
    for name in names:
        change = changes[name]
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = change
    return [merged[name] for name in sorted(merged)]


def edit_tree(node: bytes, changes: Mapping[tuple[bytes, ...], Change], pages: Pages, sink: NodeSink) -> Entry:
    """Store a tree with changes at paths applied, in time that grows with the changes alone.

    Args:
        node: The topmost page of the root directory.
        changes: By path parts: the new entry (its name is the last part), or None to remove entry and all below.
            A replaced directory comes before changes below it; parents must exist or be given.
        pages: Reads the old pages.
        sink: Receives the new pages.

    Returns:
        The `PAGE` row of the new root's topmost page.

    Raises:
        NotFoundError: A parent directory of a changed path does not exist.
    """
    here: dict[bytes, Change] = {path[0]: change for path, change in changes.items() if len(path) == 1}
    below: dict[bytes, dict[tuple[bytes, ...], Change]] = {}
    for path, change in changes.items():
        if len(path) > 1:
            below.setdefault(path[0], {})[path[1:]] = change
    for name, inner in below.items():
        if name in here:
            parent = here[name]
        else:
            found = pages.find(node, name)
            parent = found[0] if found else None
        if parent is None or parent.kind != Kind.DIRECTORY:
            raise NotFoundError(f"directory {quoted(name)} does not exist in the version: add it first")
        here[name] = as_directory(parent, edit_tree(parent.node, inner, pages, sink))
    return edit_directory(node, here, pages, sink)


def as_directory(entry: Entry, top: Entry) -> Entry:
    """Return the directory `entry` with the pages under `top` as its content."""
    return entry._replace(
        kind=Kind.DIRECTORY, size=top.size, digest=top.digest, below=top.below, node=top.node, extra=b""
    )
