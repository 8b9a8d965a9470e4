"""Reading rows within an LMDB transaction, each checked: LMDB has no checksums of its own."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final, Protocol

from artfs.errors import IntegrityError

__all__ = ["Table", "Txn", "seal"]

_CHECK: Final = struct.Struct("<I")


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


def seal(key: bytes, value: bytes) -> bytes:
    """A value as it is stored: with the CRC-32 of key and value behind it."""
    return value + _CHECK.pack(zlib.crc32(value, zlib.crc32(key)))


def _open(key: bytes, sealed: bytes) -> bytes:
    value = sealed[:-4]
    if sealed[-4:] != _CHECK.pack(zlib.crc32(value, zlib.crc32(key))):
        raise IntegrityError(f"a row of a draft is damaged (key {key.hex()}): see `artfs fsck`")
    return value


class Table:
    """Rows of one transaction; as `Rows`."""

    def __init__(self, txn: Txn) -> None:
        self._txn = txn

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, None if there is none."""
        sealed = self._txn.get(key)
        return None if sealed is None else _open(key, sealed)

    def items(self, prefix: bytes, start: bytes = b"", limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows whose key begins with `prefix`, from `prefix + start` on: what follows the prefix, and the value."""
        found: list[tuple[bytes, bytes]] = []
        for key, sealed in self._from(prefix + start):
            if not key.startswith(prefix) or len(found) == limit:
                break
            found.append((key[len(prefix) :], _open(key, sealed)))
        return found

    def _from(self, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        with self._txn.cursor() as cursor:
            if cursor.set_range(key):
                yield from cursor.iternext(keys=True, values=True)

    def floor(self, prefix: bytes, end: bytes) -> tuple[bytes, bytes] | None:
        """The last row whose key begins with `prefix` and is at most `prefix + end`."""
        wanted = prefix + end
        with self._txn.cursor() as cursor:
            there = cursor.set_range(wanted) and cursor.key() == wanted
            if not there and not (cursor.prev() if cursor.key() else cursor.last()):
                return None
            key: bytes = cursor.key()
            return (key[len(prefix) :], _open(key, cursor.value())) if key.startswith(prefix) else None
