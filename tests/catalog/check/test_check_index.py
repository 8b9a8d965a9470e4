"""Every invariant of the index has a check that finds its violation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec
import pytest

from artfs.catalog import NewRun, PackRow, tables
from artfs.catalog.check import check_index, check_journal
from artfs.catalog.schema import (
    STATE_KEY,
    Deletion,
    NameRow,
    SerialRow,
    alias_key,
    edge_by_version_key,
    edge_key,
    pair_key,
    run_by_time_key,
    serial_key,
)
from artfs.errors import IntegrityError
from artfs.format.digest import digest
from artfs.format.operations import Origin
from artfs.format.pack import Location
from tests.support.data.catalogs import WHO, CatalogPlace, check, log, ref

if TYPE_CHECKING:
    from artfs.kv.checked_rows import Table, Txn

R = TypeVar("R", bound=msgspec.Struct)
S = TypeVar("S")
ANIMALS = 16
V0, LATEST, V1, BEST = 17, 18, 19, 20
RUN, STARTED = "0123abcd", 1_002


def replace(txn: Txn, table: Table[R], key: bytes, **changes: object) -> None:
    row = table.get(txn, key)
    assert row is not None
    table.put(txn, key, msgspec.structs.replace(row, **changes))


def swap(txn: Txn, first: bytes, second: bytes) -> None:
    a, b = txn.get(first), txn.get(second)
    assert a is not None
    assert b is not None
    txn.put(first, b)
    txn.put(second, a)


Harm: TypeAlias = "Callable[[Txn], object]"
T = tables
HARM: dict[str, tuple[str, Harm]] = {
    "a row under another key": ("C1", lambda t: swap(t, b"v" + pair_key(ANIMALS, 0), b"v" + pair_key(ANIMALS, 1))),
    "a row that says it is another": ("C1", lambda t: replace(t, T.VERSIONS, pair_key(ANIMALS, 0), index=1)),
    "a key of no table": ("C1", lambda t: t.put(b"zzz", b"zzz")),
    "a value too short": ("C1", lambda t: t.put(b"c" + bytes(32), b"x")),
    "no state": ("C2", lambda t: T.META.delete(t, STATE_KEY)),
    "a name without its artifact": ("C3", lambda t: T.ARTIFACTS.delete(t, serial_key(ANIMALS))),
    "an artifact without its name": ("C3", lambda t: T.NAMES.delete(t, b"animals")),
    "a name of a deleted artifact": ("C3", lambda t: replace(t, T.ARTIFACTS, serial_key(ANIMALS), deleted=True)),
    "an artifact that is a project": (
        "C3",
        lambda t: T.NAMES.put(t, b"animals/tom", NameRow(ANIMALS, 2, ANIMALS)),
    ),
    "a version beyond the next": ("C4", lambda t: replace(t, T.NAMES, b"animals", next_index=1)),
    "an origin of no version": ("C4", lambda t: T.ORIGINS.put(t, pair_key(ANIMALS, 9), Origin(bytes(16), "a", 1))),
    "a gap with a version in it": ("C4", lambda t: T.GAPS.put(t, pair_key(ANIMALS, 0), 1)),
    "a gap with none behind it": ("C4", lambda t: T.GAPS.put(t, pair_key(ANIMALS, 3), 5)),
    "a deletion of a version that is there": (
        "C4",
        lambda t: T.DELETIONS.put(t, pair_key(ANIMALS, 0), Deletion(1, ())),
    ),
    "an alias of nothing": ("C5", lambda t: replace(t, T.ALIASES, alias_key(ANIMALS, "best"), index=7)),
    "latest not the latest": ("C5", lambda t: replace(t, T.ALIASES, alias_key(ANIMALS, "latest"), index=0)),
    "no latest": ("C5", lambda t: T.ALIASES.delete(t, alias_key(ANIMALS, "latest"))),
    "a version not listed": ("C6", lambda t: T.CHILDREN.delete(t, pair_key(ANIMALS, V0))),
    "something else listed": ("C6", lambda t: T.CHILDREN.put(t, pair_key(ANIMALS, 99), b"")),
    "a serial that leads nowhere": ("C7", lambda t: T.SERIALS.delete(t, serial_key(BEST))),
    "a serial that leads elsewhere": ("C7", lambda t: replace(t, T.SERIALS, serial_key(V1), index=0)),
    "a serial of nothing": ("C7", lambda t: T.SERIALS.put(t, serial_key(15), SerialRow(3, ANIMALS, alias="x"))),
    "a serial never given out": ("C7", lambda t: replace(t, T.META, STATE_KEY, next_serial=20)),
    "an index ahead of the journal": ("J8", lambda t: replace(t, T.META, STATE_KEY, seq=9)),
    "an index of another history": ("J8", lambda t: replace(t, T.META, STATE_KEY, head=bytes(32))),
    "a run not listed": ("C12", lambda t: T.RUNS_BY_TIME.delete(t, run_by_time_key(STARTED, RUN))),
    "a run listed twice": ("C12", lambda t: T.RUNS_BY_TIME.put(t, run_by_time_key(7, RUN), b"")),
    "an edge of no run": ("C13", lambda t: T.RUNS.delete(t, RUN.encode())),
    "an edge to no version": ("C13", lambda t: T.VERSIONS.delete(t, pair_key(ANIMALS, 0))),
    "an edge known from its run only": (
        "C13",
        lambda t: T.EDGES_BY_VERSION.delete(t, edge_by_version_key(ANIMALS, 0, 1, RUN)),
    ),
    "an edge known from its version only": ("C13", lambda t: T.EDGES.delete(t, edge_key(RUN, 1, ANIMALS, 0))),
    "a logged version without its edge": ("C13", lambda t: T.EDGES.delete(t, edge_key(RUN, 2, ANIMALS, 1))),
    "a version that says another run made it": (
        "C13",
        lambda t: replace(t, T.VERSIONS, pair_key(ANIMALS, 1), logged_by="trainer1"),
    ),
    "an edge under another key": ("C1", lambda t: replace(t, T.EDGES, edge_key(RUN, 1, ANIMALS, 0), index=1)),
    "a chunk in no pack": ("C9", lambda t: T.CHUNKS.put(t, bytes(32), Location(bytes(16), 64, 3, 3, 0))),
}


def put(table: Table[S], key: bytes, row: S) -> Harm:
    return lambda txn: table.put(txn, key, row)


HARM |= {
    f"a key of {name} with a byte behind it": ("C1", harm)
    for name, harm in {
        "a chunk": put(T.CHUNKS, bytes(33), Location(bytes(16), 64, 3, 3, 0)),
        "a pack": put(T.PACKS, bytes(17), PackRow(1, 9, 1)),
        "a condemned chunk": put(T.CONDEMNED, b"\1" + bytes(33), b""),
        "a node": put(T.NODES, digest(b"node") + b"x", b"node"),
        "an origin": put(T.ORIGINS, pair_key(ANIMALS, 0) + b"x", Origin(bytes(16), "a", 1)),
        "a deletion": put(T.DELETIONS, pair_key(ANIMALS, 0) + b"x", Deletion(1, ())),
        "a gap": put(T.GAPS, pair_key(ANIMALS, 0) + b"x", 1),
        "an unchanged file": put(T.STATCACHE, bytes(17), b""),
    }.items()
}


def longer(key: bytes) -> Harm:
    """Put a row also under its key with a byte behind it."""

    def harm(txn: Txn) -> None:
        row = txn.get(key)
        assert row is not None
        table = next(table for table in tables.TABLES if table.tag == key[:1])
        txn.put(key + b"x", table.seal(key + b"x", table.unseal(key, row)))

    return harm


HARM |= {
    f"a key of {name} with a byte behind it": (invariant, longer(key))
    for name, invariant, key in [
        ("the state", "C1", b"m" + STATE_KEY),
        ("a name", "C3", b"nanimals"),
        ("an artifact", "C1", b"a" + serial_key(ANIMALS)),
        ("a version", "C1", b"v" + pair_key(ANIMALS, 0)),
        ("an alias", "C1", b"l" + alias_key(ANIMALS, "best")),
        ("a child", "C6", b"e" + pair_key(ANIMALS, V0)),
        ("a serial", "C7", b"s" + serial_key(V0)),
        ("a run", "C1", b"r" + RUN.encode()),
        ("a run in its order", "C12", b"o" + run_by_time_key(STARTED, RUN)),
        ("an edge", "C1", b"g" + edge_key(RUN, 1, ANIMALS, 0)),
        ("an edge by its version", "C13", b"b" + edge_by_version_key(ANIMALS, 0, 1, RUN)),
    ]
}


@pytest.mark.parametrize(("invariant", "harm"), HARM.values(), ids=HARM)
def test_a_violation_is_found_and_named(place: CatalogPlace, invariant: str, harm: Harm) -> None:
    with place.open() as catalog:
        log(catalog)
        run = catalog.start_run(NewRun(RUN), WHO)
        assert run.started_ns == STARTED
        catalog.use_version(RUN, ref("animals:v0"), WHO)
        log(catalog, aliases=["best"], logged_by=RUN)
        assert check(catalog) == []
        with catalog.view() as view:
            state = view.state()
        with catalog.environment.write() as txn:
            harm(txn)
        found = {finding.invariant for finding in check_index(catalog.environment)}
        with suppress(IntegrityError), catalog.view() as view:
            state = view.state()
        found |= {finding.invariant for finding in check_journal(catalog.journal, state)}
    assert invariant in found


def test_a_deleted_artifact_with_a_version_in_sight_is_found(place: CatalogPlace) -> None:
    with place.open() as catalog:
        log(catalog)
        catalog.delete_artifact("animals", WHO)
        assert check(catalog) == []
        with catalog.environment.write() as txn:
            replace(txn, T.VERSIONS, pair_key(ANIMALS, 0), deleted=False)
        assert {finding.invariant for finding in check(catalog)} >= {"C4", "C5", "C6"}


def test_a_catalog_in_use_has_no_findings(place: CatalogPlace) -> None:
    with place.open() as catalog:
        log(catalog, aliases=["best"])
        catalog.add_content([(bytes(16), PackRow(1, 9, 1))], [(bytes(32), Location(bytes(16), 64, 3, 3, 0))])
        log(catalog)
        catalog.delete_version(ref("animals:v1"), WHO)
        assert check(catalog) == []
