"""Rows within an LMDB transaction, each checked when it is read: LMDB has no checksums of its own."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol, TypeAlias

import lmdb

from artfs.errors import IntegrityError
from artfs.vfs.draft.faults import damaged_rows

__all__ = ["Changes", "Table", "Txn", "system_error"]

Changes: TypeAlias = Iterable[tuple[bytes, bytes | None]]
"""Keys and their values; None removes a row, which need not be there."""

_pack_check: Final = struct.Struct("<I").pack

_DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
)
_NUMBERS: Final = {lmdb.MapFullError: errno.ENOSPC, lmdb.BadValsizeError: errno.EINVAL}


class Txn(Protocol):
    """What is used of an LMDB transaction; its binding has no types."""

    def get(self, key: bytes, /) -> bytes | None:
        """A value."""
        ...

    def put(self, key: bytes, value: bytes, /) -> bool:
        """Set a value."""
        ...

    def delete(self, key: bytes, /) -> bool:
        """Remove a row."""
        ...

    def cursor(self) -> Any:
        """A cursor."""
        ...

    def commit(self) -> None:
        """Commit."""
        ...

    def abort(self) -> None:
        """Undo; harmless after a commit."""
        ...


def system_error(error: lmdb.Error) -> OSError:
    """The error of the system that LMDB met.

    Raises:
        IntegrityError: It met none; what it read is damaged.
    """
    if isinstance(error, _DAMAGE):
        raise damaged_rows(str(error)) from error
    number = getattr(error, "code", 0)
    if number <= 0:
        number = _NUMBERS.get(type(error), errno.EIO)
    return OSError(number, os.strerror(number))


def _open(key: bytes, sealed: bytes) -> bytes:
    value = sealed[:-4]
    if sealed[-4:] != _pack_check(zlib.crc32(value, zlib.crc32(key))):
        raise damaged_rows(f"key {key.hex()}")
    return value


class Table:
    """Rows of one transaction; as `Rows`.

    Attributes:
        txn: That transaction. Another may take its place.
    """

    def __init__(self, txn: Txn) -> None:
        self.txn = txn

    def get(self, key: bytes, /) -> bytes | None:
        """The value of a key, None if there is none.

        Raises:
            IntegrityError: It is damaged.
        """
        try:
            sealed = self.txn.get(key)
        except lmdb.Error as error:
            raise system_error(error) from error
        return None if sealed is None else _open(key, sealed)

    def items(self, prefix: bytes, start: bytes = b"", limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows whose key begins with `prefix`, from `prefix + start` on: what follows the prefix, and the value."""
        found: list[tuple[bytes, bytes]] = []
        skip = len(prefix)
        try:
            with self.txn.cursor() as cursor:
                if limit == 0 or not cursor.set_range(prefix + start):
                    return found
                for key, sealed in cursor.iternext(keys=True, values=True):
                    if not key.startswith(prefix):
                        break
                    found.append((key[skip:], _open(key, sealed)))
                    if len(found) == limit:
                        break
        except lmdb.Error as error:
            raise system_error(error) from error
        return found

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes | None]]:
        """All rows whose key begins with `prefix`, by key; None in the place of a damaged value.

        Raises:
            IntegrityError: LMDB found a page damaged.
        """
        try:
            with self.txn.cursor() as cursor:
                if not cursor.set_range(prefix or b"\0"):
                    return
                for key, sealed in cursor.iternext(keys=True, values=True):
                    if not key.startswith(prefix):
                        return
                    try:
                        yield key, _open(key, sealed)
                    except IntegrityError:
                        yield key, None
        except lmdb.Error as error:
            raise system_error(error) from error

    def floor(self, prefix: bytes, end: bytes) -> tuple[bytes, bytes] | None:
        """The last row whose key begins with `prefix` and is at most `prefix + end`."""
        wanted = prefix + end
        try:
            with self.txn.cursor() as cursor:
                # Behind the last key `set_range` leaves the cursor nowhere, and `prev` would not lead back.
                at = cursor.set_range(wanted)
                if not (cursor.prev() if at and cursor.key() != wanted else at or cursor.last()):
                    return None
                key: bytes = cursor.key()
                sealed: bytes = cursor.value()
        except lmdb.Error as error:
            raise system_error(error) from error
        return (key[len(prefix) :], _open(key, sealed)) if key.startswith(prefix) else None

    def change(self, changes: Changes) -> None:
        """Put and delete rows.

        Raises:
            OSError: The system refused; some of the changes may be made.
        """
        put, delete, crc32 = self.txn.put, self.txn.delete, zlib.crc32
        try:
            for key, value in changes:
                if value is None:
                    delete(key)
                else:
                    put(key, value + _pack_check(crc32(value, crc32(key))))
        except lmdb.Error as error:
            raise system_error(error) from error
