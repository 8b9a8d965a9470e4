"""The tables of packs, chunk locations, nodes and the stat cache: filled in bounded transactions, in a safe order.

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
    from artfs.catalog.environment import Environment
    from artfs.catalog.tables import Table, Txn

__all__ = ["Batch", "add_content"]

R = TypeVar("R")

_MAX_TRANSACTION_BYTES: Final = 64 << 20
_MAX_SLICE_BYTES: Final = 16 << 20
_ROW_BYTES: Final = 96
"""What a row takes in a page, without what varies."""


class Batch:
    """Additions in one write transaction.

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
        """Add packs by id; they are synced and in their place."""
        tables.PACKS.put_many(self._txn, packs)

    def add_locations(self, locations: Iterable[tuple[bytes, Location]]) -> None:
        """Add chunks by digest, in place of what was known of them."""
        rows = list(locations)
        tables.CHUNKS.put_many(self._txn, rows)
        self.pardon(RecordKind.CHUNK, (chunk for chunk, _location in rows))

    def add_nodes(self, nodes: Iterable[tuple[bytes, bytes]]) -> None:
        """Add nodes by digest, which the caller has computed."""
        rows = list(nodes)
        tables.NODES.put_many(self._txn, rows)
        self.pardon(RecordKind.NODE, (node for node, _data in rows))

    def put_stats(self, stats: Iterable[tuple[bytes, bytes]]) -> None:
        """Put values of the stat cache, by keys of 16 bytes."""
        tables.STATCACHE.put_many(self._txn, stats)

    # What gc does (docs/FORMAT.md, "Collecting garbage")

    def condemn(self, kind: RecordKind, digests: Iterable[bytes]) -> None:
        """Have writers that look from now on store these chunks or nodes again."""
        tables.CONDEMNED.put_many(self._txn, ((condemned_key(kind, digest), b"") for digest in digests))

    def pardon(self, kind: RecordKind, digests: Iterable[bytes]) -> None:
        """Let chunks or nodes count again, of those that are condemned."""
        if self.view.any_condemned():
            for digest in digests:
                tables.CONDEMNED.delete(self._txn, condemned_key(kind, digest))

    def pardon_some(self, limit: int) -> bool:
        """Let so many of all that are condemned count again; whether any were."""
        keys = [key for key, _nothing in islice(tables.CONDEMNED.scan(self._txn), limit)]
        for key in keys:
            tables.CONDEMNED.delete(self._txn, key)
        return bool(keys)

    def move(self, moved: Iterable[tuple[bytes, bytes, Location]]) -> None:
        """Say where chunks are now, by digest and the pack that they were in; not where they are elsewhere by now."""
        wanted = {chunk: (before, after) for chunk, before, after in moved}
        rows = []
        for chunk, location in tables.CHUNKS.find_sound(self._txn, list(wanted)):
            before, after = wanted[chunk]
            if location.pack == before:
                rows.append((chunk, after))
        tables.CHUNKS.put_many(self._txn, rows)

    def drop(self, kind: RecordKind, digests: Iterable[bytes], packs: frozenset[bytes]) -> None:
        """Remove chunks or nodes that are condemned still; of chunks those that are in the packs that go."""
        doomed = self.view.condemned(kind, digests)
        if kind == RecordKind.CHUNK:
            located = tables.CHUNKS.find_sound(self._txn, list(doomed))
            elsewhere = {chunk for chunk, location in located if location.pack not in packs}
        else:
            elsewhere = set()
        table: Table[Location] | Table[bytes] = tables.CHUNKS if kind == RecordKind.CHUNK else tables.NODES
        for digest in doomed:
            tables.CONDEMNED.delete(self._txn, condemned_key(kind, digest))
            if digest not in elsewhere:
                table.delete(self._txn, digest)

    # What a repair does (docs/FORMAT.md, "Damaged packs")

    def give_up(self, chunks: Iterable[bytes], pack: bytes) -> None:
        """Forget chunks that a pack has not any more, so that whoever has them stores them again."""
        for chunk, location in tables.CHUNKS.find_sound(self._txn, list(chunks)):
            if location.pack == pack:
                tables.CHUNKS.delete(self._txn, chunk)

    def remove_packs(self, packs: Iterable[bytes]) -> None:
        """Forget packs; nothing that counts is in them."""
        for pack in packs:
            tables.PACKS.delete(self._txn, pack)


Addition: TypeAlias = Callable[[Batch], None]


def add_content(
    environment: Environment,
    packs: Iterable[tuple[bytes, PackRow]] = (),
    locations: Iterable[tuple[bytes, Location]] = (),
    nodes: Iterable[tuple[bytes, bytes]] = (),
    stats: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Add what is given in transactions of at most 64 MiB, in the must-order. The iterables are read outside of them.

    Args:
        environment: The index.
        packs: Ids and rows.
        locations: Digests of chunks and where they are.
        nodes: Digests of nodes and the nodes, children before parents.
        stats: Keys and values of the stat cache.

    Raises:
        StorageError: The system refused; some of it may have been added, which does no harm.
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


def _commit(environment: Environment, additions: list[Addition]) -> None:
    with environment.write() as txn:
        batch = Batch(txn)
        for addition in additions:
            addition(batch)


def _slices(
    packs: Iterable[tuple[bytes, PackRow]],
    locations: Iterable[tuple[bytes, Location]],
    nodes: Iterable[tuple[bytes, bytes]],
    stats: Iterable[tuple[bytes, bytes]],
) -> Iterator[tuple[int, Addition]]:
    """Cut all of it into slices of about 16 MiB: what each takes, and how it is added."""
    for cost, rows in _cut(packs, lambda _row: _ROW_BYTES):
        yield cost, partial(Batch.add_packs, packs=rows)
    for cost, located in _cut(locations, lambda location: _ROW_BYTES + len(location.table)):
        yield cost, partial(Batch.add_locations, locations=located)
    for cost, some in _cut(nodes, lambda node: _ROW_BYTES + len(node)):
        yield cost, partial(Batch.add_nodes, nodes=some)
    for cost, some in _cut(stats, lambda value: _ROW_BYTES + len(value)):
        yield cost, partial(Batch.put_stats, stats=some)


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
