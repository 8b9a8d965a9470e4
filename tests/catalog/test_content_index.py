"""Chunk locations, nodes and packs: found again, and added in bounded transactions in an order that is always safe."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from artfs.catalog import Catalog, IndexEnvironment, PackRow, content_index
from artfs.errors import IntegrityError
from artfs.format.digest import digest
from artfs.format.pack import Location
from tests.support.data.catalogs import CatalogPlace, check

PACK = b"a pack's id 16 b"


def location(offset: int) -> Location:
    return Location(PACK, offset, 10, 20, 1)


def digests(count: int, seed: int = 1) -> list[bytes]:
    rng = random.Random(seed)
    return [rng.randbytes(32) for _ in range(count)]


def test_what_was_added_is_found(catalog: Catalog) -> None:
    chunks = digests(500)
    nodes = {digest(b"node %d" % n): b"node %d" % n for n in range(50)}
    catalog.add_content([(PACK, PackRow(1, 99, 500))], [(c, location(n)) for n, c in enumerate(chunks)], nodes.items())
    with catalog.view() as view:
        assert [view.location(chunk).offset for chunk in chunks] == list(range(500))
        assert view.locations([*chunks, *digests(9, 2)]) == {chunk: location(n) for n, chunk in enumerate(chunks)}
        assert {node: view.node(node) for node in nodes} == nodes
        assert view.pack(PACK) == PackRow(1, 99, 500)
        assert list(view.packs()) == [(PACK, PackRow(1, 99, 500))]


def test_what_is_missing_is_reported_once_and_in_the_order_given(catalog: Catalog) -> None:
    known, unknown = digests(20), digests(20, 2)
    catalog.add_content([(PACK, PackRow(1, 99, 20))], [(chunk, location(1)) for chunk in known])
    asked = [*unknown[:5], *known, *unknown, *unknown[::-1]]
    with catalog.view() as view:
        assert view.missing_chunks(asked) == unknown
        assert view.missing_chunks(iter(known)) == []
        assert view.missing_chunks([]) == []
        assert view.missing_nodes(known) == known


def test_what_was_never_added_is_an_error_where_it_must_be_there(catalog: Catalog) -> None:
    with catalog.view() as view:
        assert view.find_location(bytes(32)) is None
        assert view.find_node(bytes(32)) is None
        assert view.pack(bytes(16)) is None
        with pytest.raises(IntegrityError, match="not in the index"):
            view.location(bytes(32))
        with pytest.raises(IntegrityError, match="not in the index"):
            view.node(bytes(32))


def test_a_chunk_stored_twice_has_the_later_location(catalog: Catalog) -> None:
    (chunk,) = digests(1)
    catalog.add_content([(PACK, PackRow(1, 99, 20))], [(chunk, location(1))])
    catalog.add_content(locations=[(chunk, location(2))])
    with catalog.view() as view:
        assert view.location(chunk).offset == 2


def test_a_batch_is_added_as_a_whole_or_not_at_all(catalog: Catalog) -> None:
    known, other = digests(2)
    with catalog.batch() as batch:
        batch.add_packs([(PACK, PackRow(1, 99, 1))])
        batch.add_locations([(known, location(1))])
        assert batch.view.missing_chunks([known]) == []
        with catalog.view() as view:
            assert view.missing_chunks([known]) == [known]
    with suppress(KeyboardInterrupt), catalog.batch() as batch:
        batch.add_locations([(other, location(2))])
        raise KeyboardInterrupt
    with catalog.view() as view:
        assert view.missing_chunks([known, other]) == [other]


def test_the_stat_cache_gives_back_what_was_put(catalog: Catalog) -> None:
    keys = [bytes([n]) * 16 for n in range(5)]
    catalog.add_content(stats=[(key, b"value " + key) for key in keys])
    catalog.add_content(stats=[(keys[0], b"")])
    with catalog.view() as view:
        assert view.stats([*keys, b"z" * 16]) == {keys[0]: b""} | {key: b"value " + key for key in keys[1:]}


def test_transactions_are_bounded_and_parents_never_come_before_what_they_need(
    place: CatalogPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_index, "_MAX_TRANSACTION_BYTES", 30_000)
    monkeypatch.setattr(content_index, "_MAX_SLICE_BYTES", 9_000)
    nodes = [(digest(b"%d" % n * 500), b"%d" % n * 500) for n in range(100, 400)]
    chunks = [(chunk, location(1)) for chunk in digests(1000)]
    seen: list[tuple[int, int, int, int]] = []
    commit = content_index._commit  # noqa: SLF001 - watched, not replaced

    with place.open() as catalog:

        def watched(environment: IndexEnvironment, additions: list[content_index.Addition]) -> None:
            commit(environment, additions)
            with catalog.view() as view:
                missing = len(view.missing_chunks([chunk for chunk, _ in chunks]))
                lacking = view.missing_nodes([node for node, _ in nodes])
                assert lacking == [node for node, _ in nodes][len(nodes) - len(lacking) :], "not in the order given"
                stats = len(view.stats([bytes(16)]))
                seen.append((int(view.pack(PACK) is None), missing, len(lacking), 1 - stats))

        monkeypatch.setattr(content_index, "_commit", watched)
        catalog.add_content([(PACK, PackRow(1, 99, 1000))], chunks, nodes, [(bytes(16), b"x")])
        assert check(catalog) == []
    assert len(seen) > 15
    assert seen[-1] == (0, 0, 0, 0)
    for packs, missing, lacking, stats in seen:
        assert packs == 0
        assert lacking == len(nodes) or missing == 0, "nodes before their chunks"
        assert stats == 1 or lacking == 0
