"""Check that the store has what a draft is made over (R11): its base tree, and contents of its files."""

from __future__ import annotations

from collections.abc import Iterator

from artfs.catalog import IndexEnvironment, View
from artfs.drafts.db.schema import META_ORIGIN, MalformedRowError, StoredContent, decode_inode, decode_origin
from artfs.drafts.fsck.check_rows import Fault, RowsCheck
from artfs.drafts.fsck.view import DraftCheckView
from artfs.errors import IntegrityError
from artfs.store.tree.build import EMPTY_DIGEST

__all__ = ["check_base"]


def check_base(draft: DraftCheckView, rows: RowsCheck, environment: IndexEnvironment) -> Iterator[Fault]:
    """Check that the store has the nodes and contents that a draft refers to.

    Args:
        draft: The draft.
        rows: Gives paths for messages.
        environment: The index, which is sound: when it has a node, it has everything below (C10).

    Raises:
        IntegrityError: LMDB found a page damaged.
    """
    with View(environment.begin_read()) as view:
        for node in _trees(draft):
            if not _has_node(view, node):
                yield Fault("R11", f"the tree {node.hex()} that it is made over is not in the store")
        for key, value in draft.scan(b"I"):
            try:
                row = None if value is None else decode_inode(value)
            except MalformedRowError:
                continue  # R5
            if row is None or not row.nlink:
                continue
            ino = int.from_bytes(key[1:9])
            if row.lower and not _has_node(view, row.lower):
                yield Fault("R11", f"the store has not the directory that {rows.path(ino)} is made over")
            if row.committed is not None and not _has_node(view, row.committed.node):
                yield Fault("R11", f"the store has not the directory that {rows.path(ino)} was last committed as")
            if row.content.limit and not row.content.is_reference and not _has_content(view, row.content):
                yield Fault("R11", f"the store has not the content of {rows.path(ino)}")


def _trees(draft: DraftCheckView) -> list[bytes]:
    value = draft.get(META_ORIGIN)
    try:
        origin = None if value is None else decode_origin(value)
    except MalformedRowError:
        return []  # R5
    return [] if origin is None else [node for node in {origin.lower, origin.base_root, origin.own_root} if node]


def _has_content(view: View, content: StoredContent) -> bool:
    if content.extra:
        return _has_node(view, content.digest)
    try:
        return content.digest == EMPTY_DIGEST or view.find_location(content.digest) is not None
    except IntegrityError:
        return False


def _has_node(view: View, node: bytes) -> bool:
    try:
        return view.find_node(node) is not None
    except IntegrityError:
        return False
