"""The tables of the index. `schema` explains their rows.

All are in LMDB's one unnamed database; the first byte of a key names its table. (A named database can only be opened
under the write lock with this LMDB binding, and then each start of a command would wait for a writer.)

Rows have checksums (`kv.checked_rows`), except in `NODES`: a value there is the node alone, compared with its key,
which is its digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from artfs.catalog.index import INDEX_ERRORS
from artfs.catalog.schema import (
    AliasRow,
    Artifact,
    Deletion,
    DistributedPart,
    Edge,
    IndexState,
    Link,
    NameRow,
    PackRow,
    RecordedPack,
    Run,
    SerialRow,
    Version,
)
from artfs.format.digest import digest
from artfs.format.operations import Origin
from artfs.format.pack import Location
from artfs.kv.checked_rows import Table, sealer, unsealer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ALIASES",
    "ARTIFACTS",
    "CHILDREN",
    "CHUNKS",
    "CONDEMNED",
    "DELETIONS",
    "EDGES",
    "EDGES_BY_VERSION",
    "GAPS",
    "LINKS",
    "LINKS_BY_SOURCE",
    "META",
    "NAMES",
    "NODES",
    "ORIGINS",
    "PACKS",
    "PARTS",
    "RECORDED_PACKS",
    "RUNS",
    "RUNS_BY_TIME",
    "SERIALS",
    "STATCACHE",
    "TABLES",
    "VERSIONS",
]

R = TypeVar("R")
_encode_row = msgspec.msgpack.Encoder().encode


def _table(name: str, tag: bytes, encode: Callable[[R], bytes], decode: Callable[[bytes], R]) -> Table[R]:
    unseal = unsealer(decode, INDEX_ERRORS, lambda tagged: f"table {name}, key {tagged[1:].hex()}")
    return Table(name, tag, sealer(encode), unseal)


def _rows(name: str, tag: bytes, row: type[R]) -> Table[R]:
    return _table(name, tag, _encode_row, msgspec.msgpack.Decoder(row).decode)


def _bytes(name: str, tag: bytes) -> Table[bytes]:
    return _table(name, tag, bytes, bytes)


def _node_itself(_tagged: bytes, node: bytes) -> bytes:
    return node


def _verified_node(tagged: bytes, node: bytes) -> bytes:
    if digest(node) != tagged[1:]:
        raise INDEX_ERRORS.damaged(f"node {tagged[1:].hex()}")
    return node


META: Final = _rows("meta", b"m", IndexState)
NAMES: Final = _rows("names", b"n", NameRow)
ARTIFACTS: Final = _rows("artifacts", b"a", Artifact)
VERSIONS: Final = _rows("versions", b"v", Version)
ALIASES: Final = _rows("aliases", b"l", AliasRow)
CHILDREN: Final = _bytes("members", b"e")
SERIALS: Final = _rows("serials", b"s", SerialRow)
RUNS: Final = _rows("runs", b"r", Run)
RUNS_BY_TIME: Final = _bytes("order", b"o")
EDGES: Final = _rows("edges", b"g", Edge)
EDGES_BY_VERSION: Final = _bytes("bearers", b"b")
PARTS: Final = _rows("parts", b"d", DistributedPart)
ORIGINS: Final = _rows("origins", b"y", Origin)
GAPS: Final = _rows("gaps", b"u", int)
DELETIONS: Final = _rows("deletions", b"w", Deletion)
LINKS: Final = _rows("links", b"h", Link)
LINKS_BY_SOURCE: Final = _bytes("pointers", b"i")
CHUNKS: Final = _table("chunks", b"c", Location.encode, Location.decode)
NODES: Final = Table[bytes]("nodes", b"t", _node_itself, _verified_node)
PACKS: Final = _rows("packs", b"p", PackRow)
RECORDED_PACKS: Final = _rows("recorded", b"k", RecordedPack)
CONDEMNED: Final = _bytes("condemned", b"q")
STATCACHE: Final = _bytes("statcache", b"x")

TABLES: Final[tuple[Table[object], ...]] = (
    META,  # type: ignore[assignment]  # a Table is invariant in its rows; a loop over all of them only reads
    NAMES,
    ARTIFACTS,
    VERSIONS,
    ALIASES,
    CHILDREN,
    SERIALS,
    RUNS,
    RUNS_BY_TIME,
    EDGES,
    EDGES_BY_VERSION,
    PARTS,
    ORIGINS,
    GAPS,
    DELETIONS,
    LINKS,
    LINKS_BY_SOURCE,
    CHUNKS,
    NODES,
    PACKS,
    RECORDED_PACKS,
    CONDEMNED,
    STATCACHE,
)
