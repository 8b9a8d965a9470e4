"""The header of `data.mdb`, read as a file, and the size that the file must have by it.

LMDB maps the file, and a read past its end kills the process: so its size is checked before it is opened.

The layout is LMDB 0.9's (`mdb.c`, MDB_page and MDB_meta, 64 bits, little-endian): pages 0 and 1 each begin with 16
bytes of page header and a meta; the page size stands where the free list's md_pad is.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artfs.kv.errors import DatabaseErrors

__all__ = ["bytes_missing", "check_data_file", "hold_off_commits", "let_commits_go_on", "sized_commit"]

# Flags of the page | magic, version, address, map size | page size | last page, transaction.
_META: Final = struct.Struct("<10xH4x IIQQ I92x QQ")
_FLAG_META: Final = 8
_MAGIC: Final = 0xBEEFC0DE
_VERSION: Final = 1
_PAGE_SIZES: Final = frozenset(1 << bits for bits in range(9, 16))


class _Meta(NamedTuple):
    page_size: int
    last_page: int


def check_data_file(directory: int, data: int, errors: DatabaseErrors) -> None:
    """Compare a data file's size with its two meta pages.

    Args:
        directory: Descriptor of the environment's directory.
        data: Descriptor of `data.mdb`.
        errors: Errors of the database.

    Raises:
        IntegrityError: It is too short, or no LMDB file.
        OSError: It cannot be read.
    """
    if bytes_missing(data, errors) > 0:
        # A commit may leave its last pages unwritten when nothing refers to them; `sized_commit` adds them at once.
        fcntl.flock(directory, fcntl.LOCK_SH)
        try:
            short = bytes_missing(data, errors)
        finally:
            fcntl.flock(directory, fcntl.LOCK_UN)
        if short > 0:
            raise errors.damaged(f"data.mdb is cut off: {short} bytes are missing")


@contextmanager
def sized_commit(directory: int, data: int, errors: DatabaseErrors, *, single_writer: bool) -> Iterator[None]:
    """Commit in a block, after which `data.mdb` is made as long as its header says.

    LMDB leaves pages unwritten that a transaction allocated and freed (a large value put and replaced, for one); at
    the end of the file they would look as if it had been cut off. Nobody checks in between: the lock prevents it.
    """
    fcntl.flock(directory, fcntl.LOCK_EX)
    try:
        yield
        short = bytes_missing(data, errors)
        if short > 0 and single_writer:
            # Sparse: this allocates nothing, so it cannot fail on a full disk after the commit took place.
            os.truncate(data, os.fstat(data).st_size + short)
        elif short > 0:
            # Never ftruncate: another process's commit may have made the file longer since. This only ever lengthens.
            os.posix_fallocate(data, os.fstat(data).st_size + short - 1, 1)
    finally:
        fcntl.flock(directory, fcntl.LOCK_UN)


def hold_off_commits(directory: int) -> None:
    """Have the commits of all processes wait until `let_commits_go_on`, or until the descriptor is closed."""
    fcntl.flock(directory, fcntl.LOCK_SH)


def let_commits_go_on(directory: int) -> None:
    """End `hold_off_commits`."""
    fcntl.flock(directory, fcntl.LOCK_UN)


def bytes_missing(data: int, errors: DatabaseErrors) -> int:
    """Return how many bytes the file lacks (negative: it has more than it needs, which is harmless)."""
    first = _read_meta(data, 0, errors)
    second = _read_meta(data, first.page_size, errors)
    if first.page_size != second.page_size:
        raise errors.damaged("data.mdb has two headers that differ")
    return (max(first.last_page, second.last_page) + 1) * first.page_size - os.fstat(data).st_size


def _read_meta(data: int, offset: int, errors: DatabaseErrors) -> _Meta:
    raw = os.pread(data, _META.size, offset)
    if len(raw) == _META.size:
        flags, magic, version, _address, _map_size, page_size, last_page, _txn = _META.unpack(raw)
        if (flags, magic, version) == (_FLAG_META, _MAGIC, _VERSION) and page_size in _PAGE_SIZES:
            return _Meta(page_size, last_page)
    raise errors.damaged("data.mdb begins with no LMDB header")
