"""Fill the tables of packs, chunk locations, nodes and the stat cache, in bounded transactions.

Must-order: packs before the locations in them, locations before nodes, children before their parents, and all of it
before the version (docs/FORMAT.md, C9-C11). A node in the index thereby vouches for everything below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from artfs.catalog import tables
from artfs.catalog.schema import PackRow, condemned_key
from artfs.catalog.view import View
from artfs.format.pack import Location, RecordKind

if TYPE_CHECKING:
    from artfs.catalog.index import IndexEnvironment
    from artfs.kv.checked_rows import Table, Txn

__all__ = ["ContentBatch", "add_content"]

R = TypeVar("R")

_MAX_TRANSACTION_BYTES: Final = 64 << 20
_MAX_SLICE_BYTES: Final = 16 << 20
_ROW_BYTES: Final = 96
"""Size of a row in a page, without its variable part."""


class ContentBatch:
    """A batch of additions to these tables, in one write transaction.

    Args:
        txn: The transaction.

    Attributes:
        view: Reads in the same transaction.
    """

    __slots__ = ("_txn", "view")

    def __init__(self, txn: Txn) -> None:
        self._txn = txn
        self.view = View(txn)

    def add_packs(self, packs: Iterable[tuple[bytes, PackRow]]) -> None:
        """Add packs by id. They are synced and in their place."""
        tables.PACKS.put_many(self._txn, packs)

    def add_locations(self, locations: Iterable[tuple[bytes, Location]]) -> None:
        """Add chunks by digest, over rows that they have."""
        rows = list(locations)
        tables.CHUNKS.put_many(self._txn, rows)
        self.uncondemn(RecordKind.CHUNK, (chunk for chunk, _location in rows))

    def add_nodes(self, nodes: Iterable[tuple[bytes, bytes]]) -> None:
        """Add nodes by digest, as the caller has computed it."""
        rows = list(nodes)
        tables.NODES.put_many(self._txn, rows)
        self.uncondemn(RecordKind.NODE, (node for node, _data in rows))

    def put_stats(self, stats: Iterable[tuple[bytes, bytes]]) -> None:
        """Put values of the stat cache, by keys of 16 bytes."""
        tables.STATCACHE.put_many(self._txn, stats)

    # For gc (docs/FORMAT.md, "Collecting garbage")

    def condemn(self, kind: RecordKind, digests: Iterable[bytes]) -> None:
        """Condemn chunks or nodes: writers that look them up from now on store them again."""
        tables.CONDEMNED.put_many(self._txn, ((condemned_key(kind, digest), b"") for digest in digests))

    def uncondemn(self, kind: RecordKind, digests: Iterable[bytes]) -> None:
        """Take chunks or nodes from the condemned ones: they count again."""
        if self.view.any_condemned():
            for digest in digests:
                tables.CONDEMNED.delete(self._txn, condemned_key(kind, digest))

    def uncondemn_some(self, limit: int) -> bool:
        """Take at most `limit` from all condemned ones; True if there were any."""
        keys = [key for key, _nothing in islice(tables.CONDEMNED.scan(self._txn), limit)]
        for key in keys:
            tables.CONDEMNED.delete(self._txn, key)
        return bool(keys)

    def relocate(self, moved: Iterable[tuple[bytes, bytes, Location]]) -> None:
        """Change the locations of chunks, given by digest and old pack, unless they are elsewhere by now."""
        wanted = {chunk: (before, after) for chunk, before, after in moved}
        rows = []
        for chunk, location in tables.CHUNKS.find_sound(self._txn, list(wanted)):
            before, after = wanted[chunk]
            if location.pack == before:
                rows.append((chunk, after))
        tables.CHUNKS.put_many(self._txn, rows)

    def delete_condemned(self, kind: RecordKind, digests: Iterable[bytes], packs: frozenset[bytes]) -> None:
        """Delete rows that are still condemned: nodes, and chunks in packs that are removed."""
        condemned = self.view.condemned(kind, digests)
        if kind == RecordKind.CHUNK:
            located = tables.CHUNKS.find_sound(self._txn, list(condemned))
            elsewhere = {chunk for chunk, location in located if location.pack not in packs}
        else:
            elsewhere = set()
        table: Table[Location] | Table[bytes] = tables.CHUNKS if kind == RecordKind.CHUNK else tables.NODES
        for digest in condemned:
            tables.CONDEMNED.delete(self._txn, condemned_key(kind, digest))
            if digest not in elsewhere:
                table.delete(self._txn, digest)

    # For a repair (docs/FORMAT.md, "Damaged packs")

    def forget_chunks(self, chunks: Iterable[bytes], pack: bytes) -> None:
        """Delete the rows of chunks that a pack has lost, so that they are stored again when they come."""
        for chunk, location in tables.CHUNKS.find_sound(self._txn, list(chunks)):
            if location.pack == pack:
                tables.CHUNKS.delete(self._txn, chunk)

    def remove_packs(self, packs: Iterable[bytes]) -> None:
        """Delete the rows of packs, in which nothing counts any more."""
        for pack in packs:
            tables.PACKS.delete(self._txn, pack)


Addition: TypeAlias = Callable[[ContentBatch], None]


def add_content(
    environment: IndexEnvironment,
    packs: Iterable[tuple[bytes, PackRow]] = (),
    locations: Iterable[tuple[bytes, Location]] = (),
    nodes: Iterable[tuple[bytes, bytes]] = (),
    stats: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Add rows in transactions of at most 64 MiB, in the must-order.

    The iterables are read outside of transactions.

    Args:
        environment: The index.
        packs: Ids and rows.
        locations: Digests of chunks and their locations.
        nodes: Digests of nodes and the nodes, children before parents.
        stats: Keys and values of the stat cache.

    Raises:
        StorageError: The system refused. Some rows may have been added, which does no harm.
        ReadOnlyStoreError: A commit or fsync failed earlier.
    """
    pending: list[Addition] = []
    size = 0
    for cost, addition in _slices(packs, locations, nodes, stats):
        if pending and size + cost > _MAX_TRANSACTION_BYTES:
            _commit(environment, pending)
            pending, size = [], 0
        pending.append(addition)
        size += cost
    if pending:
        _commit(environment, pending)


def _commit(environment: IndexEnvironment, additions: list[Addition]) -> None:
    with environment.write() as txn:
        batch = ContentBatch(txn)
        for addition in additions:
            addition(batch)


def _slices(
    packs: Iterable[tuple[bytes, PackRow]],
    locations: Iterable[tuple[bytes, Location]],
    nodes: Iterable[tuple[bytes, bytes]],
    stats: Iterable[tuple[bytes, bytes]],
) -> Iterator[tuple[int, Addition]]:
    """Cut the rows into slices of about 16 MiB: the size of each, and a function that adds it."""
    for cost, rows in _cut(packs, lambda _row: _ROW_BYTES):
        yield cost, partial(ContentBatch.add_packs, packs=rows)
    for cost, located in _cut(locations, lambda location: _ROW_BYTES + len(location.table)):
        yield cost, partial(ContentBatch.add_locations, locations=located)
    for cost, some in _cut(nodes, lambda node: _ROW_BYTES + len(node)):
        yield cost, partial(ContentBatch.add_nodes, nodes=some)
    for cost, some in _cut(stats, lambda value: _ROW_BYTES + len(value)):
        yield cost, partial(ContentBatch.put_stats, stats=some)


def _cut(items: Iterable[tuple[bytes, R]], cost_of: Callable[[R], int]) -> Iterator[tuple[int, list[tuple[bytes, R]]]]:
    some: list[tuple[bytes, R]] = []
    cost = 0
    for item in items:
        if cost >= _MAX_SLICE_BYTES:
            yield cost, some
            some, cost = [], 0
        some.append(item)
        cost += cost_of(item[1])
    if some:
        yield cost, some
