"""The tables of packs, chunk locations, nodes and the stat cache: filled in bounded transactions, in a safe order.

Must-order: packs before the locations in them, locations before nodes, children before their parents, and all of it
before the version (docs/FORMAT.md, C9-C11). A node in the index thereby vouches for everything below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from artfs.catalog import tables
from artfs.catalog.schema import PackRow
from artfs.catalog.view import View
from artfs.format.pack import Location

if TYPE_CHECKING:
    from artfs.catalog.environment import Environment
    from artfs.catalog.tables import Txn

__all__ = ["Batch", "add_content"]

_MAX_TRANSACTION_BYTES: Final = 64 << 20
_MAX_SLICE_BYTES: Final = 16 << 20
_LOCATION_BYTES: Final = 96
_LOCATIONS_PER_SLICE: Final = _MAX_SLICE_BYTES // _LOCATION_BYTES


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
        tables.CHUNKS.put_many(self._txn, locations)

    def add_nodes(self, nodes: Iterable[tuple[bytes, bytes]]) -> None:
        """Add nodes by digest, which the caller has computed."""
        tables.NODES.put_many(self._txn, nodes)

    def put_stats(self, stats: Iterable[tuple[bytes, bytes]]) -> None:
        """Put values of the stat cache, by keys of 16 bytes."""
        tables.STATCACHE.put_many(self._txn, stats)


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
        if size + cost > _MAX_TRANSACTION_BYTES:
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
    """Cut all of it into slices of at most 16 MiB (or one node): what each takes, and how it is added."""
    rows = list(packs)
    if rows:
        yield len(rows) * _LOCATION_BYTES, partial(Batch.add_packs, packs=rows)
    located = iter(locations)
    while chunk := list(islice(located, _LOCATIONS_PER_SLICE)):
        yield len(chunk) * _LOCATION_BYTES, partial(Batch.add_locations, locations=chunk)
    for cost, some in _by_size(nodes):
        yield cost, partial(Batch.add_nodes, nodes=some)
    for cost, some in _by_size(stats):
        yield cost, partial(Batch.put_stats, stats=some)


def _by_size(items: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[int, list[tuple[bytes, bytes]]]]:
    some: list[tuple[bytes, bytes]] = []
    cost = 0
    for key, value in items:
        if some and cost + len(value) > _MAX_SLICE_BYTES:
            yield cost, some
            some, cost = [], 0
        some.append((key, value))
        cost += len(value) + len(key) + 16
    if some:
        yield cost, some
