"""LMDB's errors, as artfs has them."""

from __future__ import annotations

import errno
import os

import lmdb

from artfs.errors import ArtfsError, IntegrityError, StorageError, StoreError

__all__ = ["damaged_index", "translate"]

_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
)


def damaged_index(what: str) -> IntegrityError:
    """The error for anything wrong with the index itself: nothing is lost, since all of it can be made again."""
    return IntegrityError(f"the index is damaged ({what}): run `artfs fsck --repair`, which makes it again")


def translate(error: lmdb.Error, doing: str) -> ArtfsError:
    """Give the artfs error for an LMDB error.

    Args:
        error: What LMDB raised.
        doing: What artfs was doing, as in "opening the index".
    """
    code = getattr(error, "code", 0)
    if isinstance(error, _DAMAGE):
        return damaged_index(f"{doing}: {error}")
    if isinstance(error, lmdb.MapFullError):
        return StorageError(f"{doing}: the index is full", errno.ENOSPC)
    if isinstance(error, lmdb.ReadersFullError):
        return StoreError(f"{doing}: too many processes have the store open; stop some of them")
    if code > 0:
        return StorageError.of(OSError(code, os.strerror(code)), doing)
    return StoreError(f"{doing}: {error}")
