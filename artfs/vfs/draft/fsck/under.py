"""Hold what a draft stands on against the store (R11): the tree under it, and contents that its files have."""

from __future__ import annotations

from collections.abc import Iterator

from artfs.catalog import Environment, View
from artfs.errors import IntegrityError
from artfs.store.tree.build import EMPTY_DIGEST
from artfs.vfs.draft.faults import MalformedRowError
from artfs.vfs.draft.fsck.look import DraftLook
from artfs.vfs.draft.fsck.rows import Broken, RowsCheck
from artfs.vfs.draft.rows import META_ORIGIN, Content, decode_inode, decode_origin

__all__ = ["check_under"]


def check_under(look: DraftLook, environment: Environment) -> Iterator[Broken]:
    """Check that the store has what a draft does not have itself.

    Args:
        look: The draft.
        environment: The index, which is sound: a node that it has vouches for all below (C10).

    Raises:
        IntegrityError: LMDB found a page damaged.
    """
    paths = RowsCheck(look)
    with View(environment.begin_read()) as view:
        for node in _trees(look):
            if not _has_node(view, node):
                yield Broken("R11", f"the tree {node.hex()} that it is made over is not in the store")
        for key, value in look.scan(b"I"):
            try:
                row = None if value is None else decode_inode(value)
            except MalformedRowError:
                continue  # R5
            if row is None or not row.nlink:
                continue
            if row.lower and not _has_node(view, row.lower):
                yield Broken("R11", f"the store has not the directory that {_path(paths, key)} is made over")
            if row.content.limit and not row.content.is_reference and not _has(view, row.content):
                yield Broken("R11", f"the store has not the content of {_path(paths, key)}")


def _trees(look: DraftLook) -> list[bytes]:
    value = look.get(META_ORIGIN)
    try:
        origin = None if value is None else decode_origin(value)
    except MalformedRowError:
        return []  # R5
    return [] if origin is None else [node for node in {origin.lower, origin.base_root} if node]


def _path(paths: RowsCheck, key: bytes) -> str:
    return paths.path(int.from_bytes(key[1:9]))


def _has(view: View, content: Content) -> bool:
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
