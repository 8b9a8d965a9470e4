"""Whether `data.mdb` is as long as it says itself: LMDB maps it, and a read behind its end kills the process.

The layout is LMDB 0.9's (`mdb.c`, MDB_page and MDB_meta, 64 bits, little-endian): pages 0 and 1 each begin with 16
bytes of page header and a meta; the page size stands where the free list's md_pad is.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from artfs.catalog.faults import damaged_index

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["bytes_missing", "check_data_file", "sized_commit"]

# Flags of the page | magic, version, address, map size | page size | last page, transaction.
_META: Final = struct.Struct("<10xH4x IIQQ I92x QQ")
_FLAG_META: Final = 8
_MAGIC: Final = 0xBEEFC0DE
_VERSION: Final = 1
_PAGE_SIZES: Final = frozenset(1 << bits for bits in range(9, 16))


class _Meta(NamedTuple):
    page_size: int
    last_page: int


def check_data_file(index: int, data: int) -> None:
    """Hold a data file's size against its two meta pages.

    Args:
        index: Descriptor of the index directory.
        data: Descriptor of `data.mdb`.

    Raises:
        IntegrityError: It is too short, or it is no LMDB file.
        OSError: It cannot be read.
    """
    if bytes_missing(data) > 0:
        # A commit may leave its last pages unwritten when nothing refers to them; `sized_commit` adds them at once.
        fcntl.flock(index, fcntl.LOCK_SH)
        try:
            short = bytes_missing(data)
        finally:
            fcntl.flock(index, fcntl.LOCK_UN)
        if short > 0:
            raise damaged_index(f"data.mdb is cut off: {short} bytes are missing")


@contextmanager
def sized_commit(index: int, data: int) -> Iterator[None]:
    """Make sure that after a commit `data.mdb` is as long as it says.

    LMDB leaves pages unwritten that a transaction took and gave back (a large value put and replaced, for one); at
    the end of the file they would look as if it had been cut off. Nobody checks in between: the lock sees to that.
    """
    fcntl.flock(index, fcntl.LOCK_EX)
    try:
        yield
        short = bytes_missing(data)
        if short > 0:
            # Never ftruncate: another process's commit may have made the file longer since. This only ever lengthens.
            os.posix_fallocate(data, os.fstat(data).st_size + short - 1, 1)
    finally:
        fcntl.flock(index, fcntl.LOCK_UN)


def bytes_missing(data: int) -> int:
    """How many bytes the file lacks (negative: it has more than it needs, which is harmless)."""
    first = _read_meta(data, 0)
    second = _read_meta(data, first.page_size)
    if first.page_size != second.page_size:
        raise damaged_index("data.mdb has two headers that differ")
    return (max(first.last_page, second.last_page) + 1) * first.page_size - os.fstat(data).st_size


def _read_meta(data: int, offset: int) -> _Meta:
    raw = os.pread(data, _META.size, offset)
    if len(raw) == _META.size:
        flags, magic, version, _address, _map_size, page_size, last_page, _txn = _META.unpack(raw)
        if (flags, magic, version) == (_FLAG_META, _MAGIC, _VERSION) and page_size in _PAGE_SIZES:
            return _Meta(page_size, last_page)
    raise damaged_index("data.mdb begins with no LMDB header")
