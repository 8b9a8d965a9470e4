"""Rows with checksums in LMDB, which has none and would return a flipped bit as data.

A value is a row's bytes and the CRC-32 (little-endian) of the whole key and the row: neither a damaged row passes nor
one that comes up under another key.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar
from zlib import crc32

from artfs.errors import IntegrityError
from artfs.format.msgpack import DECODE_ERRORS
from artfs.kv.errors import DatabaseErrors, LmdbError

if TYPE_CHECKING:
    from lmdb import Transaction

__all__ = ["Changes", "CheckedRows", "Sealer", "Table", "Txn", "Unsealer", "sealer", "unsealer"]

R = TypeVar("R")
Txn: TypeAlias = "Transaction[bytes]"
Sealer: TypeAlias = Callable[[bytes, R], bytes]
"""Makes the value to store from a key and its row."""
Unsealer: TypeAlias = Callable[[bytes, bytes], R]
"""Makes the row from a key and its stored value; raises IntegrityError for a damaged one."""
Changes: TypeAlias = Iterable[tuple[bytes, bytes | None]]
"""Keys and their rows; None deletes a row, which need not exist."""

_pack_crc: Final = struct.Struct("<I").pack


def sealer(encode: Callable[[R], bytes]) -> Sealer[R]:
    """Make the function that encodes a row and appends its checksum."""

    def seal(key: bytes, row: R) -> bytes:
        data = encode(row)
        return data + _pack_crc(crc32(data, crc32(key)))

    return seal


def unsealer(decode: Callable[[bytes], R], errors: DatabaseErrors, describe: Callable[[bytes], str]) -> Unsealer[R]:
    """Make the function that verifies a stored value and decodes its row.

    Args:
        decode: Makes a row from its bytes; raises ValueError if they are none.
        errors: Errors of the database.
        describe: Names a damaged row by its key.
    """

    def unseal(key: bytes, sealed: bytes) -> R:
        data = sealed[:-4]
        if sealed[-4:] != _pack_crc(crc32(data, crc32(key))):
            raise errors.damaged(describe(key))
        try:
            return decode(data)
        except (ValueError, *DECODE_ERRORS) as error:
            raise errors.damaged(f"{describe(key)}: {error}") from error

    return unseal


class Table(Generic[R]):
    """Rows of one type. Their keys begin with the same byte, which callers neither give nor get.

    Args:
        name: Its name.
        tag: That byte.
        seal: Makes the values to store.
        unseal: Makes rows from stored values.
    """

    __slots__ = ("name", "seal", "tag", "unseal")

    def __init__(self, name: str, tag: bytes, seal: Sealer[R], unseal: Unsealer[R]) -> None:
        self.name = name
        self.tag = tag
        self.seal = seal
        self.unseal = unseal

    def get(self, txn: Txn, key: bytes) -> R | None:
        """Return the row of a key, None if there is none.

        Raises:
            IntegrityError: It is damaged.
        """
        tagged = self.tag + key
        sealed = txn.get(tagged)
        return None if sealed is None else self.unseal(tagged, sealed)

    def put(self, txn: Txn, key: bytes, row: R) -> None:
        """Store the row of a key, in place of any other."""
        tagged = self.tag + key
        txn.put(tagged, self.seal(tagged, row))

    def put_many(self, txn: Txn, rows: Iterable[tuple[bytes, R]]) -> None:
        """Store rows (in the order of their keys, which is quickest)."""
        tag, seal = self.tag, self.seal
        values = [(tagged := tag + key, seal(tagged, row)) for key, row in rows]
        values.sort()
        txn.cursor().putmulti(values)

    def delete(self, txn: Txn, key: bytes) -> None:
        """Remove the row of a key, if there is one."""
        txn.delete(self.tag + key)

    def find(self, txn: Txn, keys: Iterable[bytes]) -> Iterator[tuple[bytes, R]]:
        """Yield keys and rows of those keys that exist.

        Raises:
            IntegrityError: A row is damaged.
        """
        tag, unseal = self.tag, self.unseal
        for tagged, sealed in txn.cursor().getmulti([tag + key for key in keys]):
            yield tagged[1:], unseal(tagged, sealed)

    def find_sound(self, txn: Txn, keys: Iterable[bytes]) -> Iterator[tuple[bytes, R]]:
        """Yield keys and rows of those keys that exist and whose rows are not damaged."""
        tag, unseal = self.tag, self.unseal
        for tagged, sealed in txn.cursor().getmulti([tag + key for key in keys]):
            with suppress(IntegrityError):
                yield tagged[1:], unseal(tagged, sealed)

    def scan(self, txn: Txn, prefix: bytes = b"", start: bytes = b"") -> Iterator[tuple[bytes, R]]:
        """Yield keys that begin with `prefix`, from `start` on, and their rows, in order.

        Raises:
            IntegrityError: A row is damaged.
        """
        prefix = self.tag + prefix
        cursor = txn.cursor()
        if cursor.set_range(max(prefix, self.tag + start)):
            for tagged, sealed in cursor:
                if not tagged.startswith(prefix):
                    return
                yield tagged[1:], self.unseal(tagged, sealed)

    def scan_back(self, txn: Txn, prefix: bytes, end: bytes = b"") -> Iterator[tuple[bytes, R]]:
        """Yield keys that begin with `prefix` and their rows, in reverse order; only those before `end` if it is given.

        Raises:
            IntegrityError: A row is damaged.
        """
        prefix = self.tag + prefix
        beyond = (int.from_bytes(prefix, "big") + 1).to_bytes(len(prefix), "big")
        cursor = txn.cursor()
        if cursor.prev() if cursor.set_range(self.tag + end if end else beyond) else cursor.last():
            for tagged, sealed in cursor.iterprev():
                if not tagged.startswith(prefix):
                    return
                yield tagged[1:], self.unseal(tagged, sealed)


class CheckedRows:
    """Rows of bytes, seen and changed in one transaction; LMDB's errors become the system's.

    Args:
        txn: The transaction.
        errors: Errors of the database.

    Attributes:
        txn: The transaction; another may take its place.
    """

    def __init__(self, txn: Txn, errors: DatabaseErrors) -> None:
        self.txn = txn
        self._errors = errors
        self._unseal = unsealer(bytes, errors, lambda key: f"key {key.hex()}")

    def get(self, key: bytes, /) -> bytes | None:
        """Return the row of a key, None if there is none.

        Raises:
            IntegrityError: It is damaged.
            OSError: The system refused.
        """
        try:
            sealed = self.txn.get(key)
        except LmdbError as error:
            raise self._errors.system_error(error) from error
        return None if sealed is None else self._unseal(key, sealed)

    def items(self, prefix: bytes, start: bytes = b"", limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Return rows whose keys begin with `prefix`, from `prefix + start` on: rest of the key, row."""
        found: list[tuple[bytes, bytes]] = []
        skip, unseal = len(prefix), self._unseal
        try:
            with self.txn.cursor() as cursor:
                if limit == 0 or not cursor.set_range(prefix + start):
                    return found
                for key, sealed in cursor.iternext(keys=True, values=True):
                    if not key.startswith(prefix):
                        break
                    found.append((key[skip:], unseal(key, sealed)))
                    if len(found) == limit:
                        break
        except LmdbError as error:
            raise self._errors.system_error(error) from error
        return found

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield all keys that begin with `prefix`, in order, and their rows; None for a damaged row.

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
                        yield key, self._unseal(key, sealed)
                    except IntegrityError:
                        yield key, None
        except LmdbError as error:
            raise self._errors.system_error(error) from error

    def floor(self, prefix: bytes, end: bytes) -> tuple[bytes, bytes] | None:
        """Return the last row whose key begins with `prefix` and is at most `prefix + end`."""
        wanted = prefix + end
        try:
            with self.txn.cursor() as cursor:
                # Behind the last key `set_range` leaves the cursor nowhere, and `prev` would not lead back.
                at = cursor.set_range(wanted)
                if not (cursor.prev() if at and cursor.key() != wanted else at or cursor.last()):
                    return None
                key, sealed = cursor.item()
        except LmdbError as error:
            raise self._errors.system_error(error) from error
        return (key[len(prefix) :], self._unseal(key, sealed)) if key.startswith(prefix) else None

    def change(self, changes: Changes) -> None:
        """Put and delete rows.

        Raises:
            OSError: The system refused; some of the changes may be made.
        """
        put, delete = self.txn.put, self.txn.delete
        try:
            for key, row in changes:
                if row is None:
                    delete(key)
                else:  # as `sealer` does it; a call for each row would be felt
                    put(key, row + _pack_crc(crc32(row, crc32(key))))
        except LmdbError as error:
            raise self._errors.system_error(error) from error
