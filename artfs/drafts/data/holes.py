"""Holes of a draft's files: what is neither written nor, in the base, data."""

from __future__ import annotations

import stat
from itertools import islice
from typing import Final

from artfs.drafts.data.file_io import extents
from artfs.drafts.db.schema import InodeRow, RowReader
from artfs.errors import IntegrityError
from artfs.store.store import Store
from artfs.store.tree.holes import SMALLEST_BYTES, hole_bytes

__all__ = ["draft_hole_bytes"]

_MAX_EXTENTS: Final = 256


def draft_hole_bytes(store: Store, rows: RowReader, ino: int, row: InodeRow) -> int:
    """Return how many bytes of a file are in holes; of a file of very many extents none are found.

    Args:
        store: Has the base.
        rows: Of the draft.
        ino: The inode number.
        row: Its row.
    """
    if not stat.S_ISREG(row.mode) or row.size < SMALLEST_BYTES:
        return 0
    written = list(islice(extents(rows, ino), _MAX_EXTENTS + 1))
    if len(written) > _MAX_EXTENTS:
        return 0
    try:
        holes = hole_bytes(store.pages, row.content.entry(), store.layout.format.chunker.max_size)
    except IntegrityError:  # a reader will get it
        return 0
    stored = min(row.content.size - holes, row.content.limit)
    return max(0, row.size - stored - sum(extent.end - extent.start for extent in written))
