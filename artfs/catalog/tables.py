"""Tables with checksummed values: LMDB has no checksums, and hands out a flipped bit as data.

All tables are in LMDB's one unnamed database; a key begins with the byte that says which table it is of. (A named
database can only be opened under the write lock with this LMDB binding, and then each start of a command would wait
for whoever is writing.)

A value is the row's bytes and a CRC-32 (little-endian) over the whole key and the row, so that neither a damaged row
nor one that came up under another key passes. A value of `NODES` is the node alone: its key is its digest, and that
is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar
from zlib import crc32

import msgspec

from artfs.catalog.faults import damaged_index
from artfs.catalog.schema import AliasRow, Artifact, Edge, NameRow, PackRow, Part, Run, SerialRow, State, Version
from artfs.errors import IntegrityError
from artfs.format.digest import digest
from artfs.format.malformed import MALFORMED
from artfs.format.pack import Location

if TYPE_CHECKING:
    from lmdb import Transaction

    Txn: TypeAlias = Transaction[bytes]

__all__ = [
    "ALIASES",
    "ARTIFACTS",
    "BEARERS",
    "CHUNKS",
    "CONDEMNED",
    "EDGES",
    "MEMBERS",
    "META",
    "NAMES",
    "NODES",
    "ORDER",
    "PACKS",
    "PARTS",
    "RUNS",
    "SERIALS",
    "STATCACHE",
    "TABLES",
    "VERSIONS",
    "NodeTable",
    "Table",
]

R = TypeVar("R")
_encode_row = msgspec.msgpack.Encoder().encode


class Table(Generic[R]):
    """One table. Keys are given and returned without the table's byte.

    Args:
        name: Its name.
        tag: The byte that its keys begin with.
        encode: A row's bytes.
        decode: The row of such bytes; raises ValueError if they are none.
    """

    __slots__ = ("_decode", "_encode", "name", "tag")

    def __init__(self, name: str, tag: bytes, encode: Callable[[R], bytes], decode: Callable[[bytes], R]) -> None:
        self.name = name
        self.tag = tag
        self._encode = encode
        self._decode = decode

    def seal(self, tagged: bytes, row: R) -> bytes:
        """Return the value to store under a key (with its table's byte)."""
        data = self._encode(row)
        return data + crc32(data, crc32(tagged)).to_bytes(4, "little")

    def unseal(self, tagged: bytes, value: bytes) -> R:
        """Return the row in the value under a key (with its table's byte).

        Raises:
            IntegrityError: The checksum is wrong.
        """
        data = value[:-4]
        if crc32(data, crc32(tagged)) != int.from_bytes(value[-4:], "little") or len(value) < 4:
            raise damaged_index(f"table {self.name}, key {tagged[1:].hex()}")
        try:
            return self._decode(data)
        except (ValueError, *MALFORMED) as error:
            raise damaged_index(f"table {self.name}, key {tagged[1:].hex()}: {error}") from error

    def get(self, txn: Txn, key: bytes) -> R | None:
        """Return the row under `key`, None if there is none.

        Raises:
            IntegrityError: It is damaged.
        """
        tagged = self.tag + key
        value = txn.get(tagged)
        return None if value is None else self.unseal(tagged, value)

    def put(self, txn: Txn, key: bytes, row: R) -> None:
        """Store a row, in place of any other under `key`."""
        tagged = self.tag + key
        txn.put(tagged, self.seal(tagged, row))

    def put_many(self, txn: Txn, rows: Iterable[tuple[bytes, R]]) -> None:
        """Store rows (in the order of their keys, which is quickest)."""
        tag, seal = self.tag, self.seal
        values = [(tagged := tag + key, seal(tagged, row)) for key, row in rows]
        values.sort()
        txn.cursor().putmulti(values)

    def delete(self, txn: Txn, key: bytes) -> None:
        """Remove the row under `key`, if there is one."""
        txn.delete(self.tag + key)

    def find(self, txn: Txn, keys: Iterable[bytes]) -> Iterator[tuple[bytes, R]]:
        """Yield keys and rows, of the keys that are there.

        Raises:
            IntegrityError: A row is damaged.
        """
        tag, unseal = self.tag, self.unseal
        for tagged, value in txn.cursor().getmulti([tag + key for key in keys]):
            yield tagged[1:], unseal(tagged, value)

    def find_sound(self, txn: Txn, keys: Iterable[bytes]) -> Iterator[tuple[bytes, R]]:
        """Yield keys and rows, of the keys that are there and whose rows are sound."""
        tag, unseal = self.tag, self.unseal
        for tagged, value in txn.cursor().getmulti([tag + key for key in keys]):
            with suppress(IntegrityError):
                yield tagged[1:], unseal(tagged, value)

    def scan(self, txn: Txn, prefix: bytes = b"", start: bytes = b"") -> Iterator[tuple[bytes, R]]:
        """Yield keys and rows in order, of the keys that begin with `prefix`, from `start` on.

        Raises:
            IntegrityError: A row is damaged.
        """
        prefix = self.tag + prefix
        cursor = txn.cursor()
        if cursor.set_range(max(prefix, self.tag + start)):
            for tagged, value in cursor:
                if not tagged.startswith(prefix):
                    return
                yield tagged[1:], self.unseal(tagged, value)

    def scan_back(self, txn: Txn, prefix: bytes) -> Iterator[tuple[bytes, R]]:
        """Yield keys and rows in reverse order, of the keys that begin with `prefix`.

        Raises:
            IntegrityError: A row is damaged.
        """
        prefix = self.tag + prefix
        beyond = (int.from_bytes(prefix, "big") + 1).to_bytes(len(prefix), "big")
        cursor = txn.cursor()
        if cursor.prev() if cursor.set_range(beyond) else cursor.last():
            for tagged, value in cursor.iterprev():
                if not tagged.startswith(prefix):
                    return
                yield tagged[1:], self.unseal(tagged, value)


class NodeTable(Table[bytes]):
    """The nodes, keyed by what verifies them."""

    __slots__ = ()

    def seal(self, tagged: bytes, row: bytes) -> bytes:  # noqa: ARG002 - a node is its own row
        """Return the node itself."""
        return row

    def unseal(self, tagged: bytes, value: bytes) -> bytes:
        """Return the node.

        Raises:
            IntegrityError: It has another digest than its key.
        """
        if digest(value) != tagged[1:]:
            raise damaged_index(f"node {tagged[1:].hex()}")
        return value


def _rows(name: str, tag: bytes, row: type[R]) -> Table[R]:
    return Table(name, tag, _encode_row, msgspec.msgpack.Decoder(row).decode)


META: Final = _rows("meta", b"m", State)
NAMES: Final = _rows("names", b"n", NameRow)
ARTIFACTS: Final = _rows("artifacts", b"a", Artifact)
VERSIONS: Final = _rows("versions", b"v", Version)
ALIASES: Final = _rows("aliases", b"l", AliasRow)
MEMBERS: Final = Table[bytes]("members", b"e", bytes, bytes)
SERIALS: Final = _rows("serials", b"s", SerialRow)
RUNS: Final = _rows("runs", b"r", Run)
ORDER: Final = Table[bytes]("order", b"o", bytes, bytes)
EDGES: Final = _rows("edges", b"g", Edge)
BEARERS: Final = Table[bytes]("bearers", b"b", bytes, bytes)
PARTS: Final = _rows("parts", b"d", Part)
CHUNKS: Final = Table[Location]("chunks", b"c", Location.encode, Location.decode)
NODES: Final = NodeTable("nodes", b"t", bytes, bytes)
PACKS: Final = _rows("packs", b"p", PackRow)
CONDEMNED: Final = Table[bytes]("condemned", b"q", bytes, bytes)
STATCACHE: Final = Table[bytes]("statcache", b"x", bytes, bytes)

TABLES: Final[tuple[Table[object], ...]] = (
    META,  # type: ignore[assignment]  # a Table is invariant in its rows; who walks over all of them only reads
    NAMES,
    ARTIFACTS,
    VERSIONS,
    ALIASES,
    MEMBERS,
    SERIALS,
    RUNS,
    ORDER,
    EDGES,
    BEARERS,
    PARTS,
    CHUNKS,
    NODES,
    PACKS,
    CONDEMNED,
    STATCACHE,
)
