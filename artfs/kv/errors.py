"""Errors of LMDB, translated: a damaged file, a refusal by the system, or wrong use."""

from __future__ import annotations

import errno
import os
from typing import Final, TypeAlias

import lmdb

from artfs.errors import ArtfsError, IntegrityError, StorageError, StoreError

__all__ = ["DatabaseErrors", "LmdbError", "error_number"]

LmdbError: TypeAlias = lmdb.Error
"""The base of all that LMDB raises."""

_DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
)
_NUMBERS: Final[dict[type[Exception], int]] = {lmdb.MapFullError: errno.ENOSPC, lmdb.BadValsizeError: errno.EINVAL}


class DatabaseErrors:
    """Errors of one kind of database, in the words of its users.

    Args:
        name: The database, as in "opening {name}".
        damage: Message for a damaged one, with `{}` for the details; says what to do.
    """

    def __init__(self, name: str, damage: str) -> None:
        self.name: Final = name
        self._damage = damage

    def damaged(self, what: str) -> IntegrityError:
        """Make the error for anything wrong with the database itself."""
        return IntegrityError(self._damage.format(what))

    def artfs_error(self, error: LmdbError | OSError, doing: str) -> ArtfsError:
        """Translate an error to one of artfs.

        Args:
            error: The error that LMDB or the system raised.
            doing: The action that failed, as in "opening the index".
        """
        if isinstance(error, _DAMAGE):
            return self.damaged(f"{doing}: {error}")
        if isinstance(error, lmdb.MapFullError):
            return StorageError(f"{doing}: {self.name} is full", errno.ENOSPC)
        if isinstance(error, lmdb.ReadersFullError):
            return StoreError(f"{doing}: too many processes have the store open; stop some of them")
        number = error_number(error)
        if number <= 0:
            return StoreError(f"{doing}: {error}")
        return StorageError.of(error if isinstance(error, OSError) else OSError(number, ""), doing)

    def system_error(self, error: LmdbError | OSError) -> OSError | IntegrityError:
        """Translate an error to the system's that comes nearest, or to damage."""
        if isinstance(error, _DAMAGE):
            return self.damaged(str(error))
        number = error_number(error)
        if number <= 0:
            number = _NUMBERS.get(type(error), errno.EIO)
        return OSError(number, os.strerror(number))


def error_number(error: LmdbError | OSError) -> int:
    """Return the system's error number; not positive where the error is LMDB's own."""
    return error.errno or errno.EIO if isinstance(error, OSError) else int(getattr(error, "code", 0))
