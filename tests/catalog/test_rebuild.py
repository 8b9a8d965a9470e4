"""Deleting the index loses nothing that is in the journal: a rebuilt index has the same rows, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from artfs.catalog import (
    Catalog,
    IndexEnvironment,
    LocalJournal,
    NewPart,
    NewRun,
    NewVersion,
    PartSet,
    VersionEdit,
    journal,
    rebuild,
    rebuild_catalog,
)
from artfs.errors import IntegrityError, StoreError
from artfs.format.operations import VersionFields
from artfs.format.pack_operations import AddedPack, PacksAdded
from artfs.format.runs import RunFields
from tests.support.data.catalogs import STORE_ID, WHO, CatalogPlace, check, log, rebuilt_from, ref, rows_of, tree

RUN = "0123abcd"


def live(place: CatalogPlace) -> None:
    """A history with every operation in it."""
    with place.open() as catalog:
        for number in range(5):
            log(catalog, "animals", str(number), aliases=["best"], tags=["a b"], metadata=b'{"a":[1]}', ttl_ns=5)
        log(catalog, "plants", type="model", description="x" * 10_000)
        catalog.edit_version(ref("animals:v1"), VersionEdit(description="edited", metadata=b"{}"), WHO)
        catalog.edit_artifact("plants", WHO, description="green")
        catalog.set_alias(ref("animals:v0"), "first", WHO)
        catalog.remove_alias("animals", "best", WHO)
        catalog.delete_versions("animals", [3, 4], WHO)
        catalog.undelete_version("animals", 3, WHO)
        catalog.rename("animals", "beasts", WHO)
        catalog.link(ref("beasts:v1"), "zoo", WHO)
        catalog.delete_artifact("zoo", WHO)
        catalog.create_version(NewVersion("animals"), tree("again"), WHO)
        catalog.delete_artifact("plants", WHO)
        catalog.undelete_version("plants", 0, WHO)
        catalog.start_run(NewRun(RUN, "train", config=b'{"lr":1}'), WHO)
        catalog.use_version(RUN, ref("plants:v0"), WHO, how="open")
        log(catalog, "fruit", logged_by=RUN, how="commit")
        catalog.edit_run(RUN, lambda fields: RunFields(fields.name, "job", fields.config, b'{"loss":2}'), WHO)
        catalog.finish_run(RUN, "failed", WHO)
        catalog.add_part(NewPart("epoch 1", "fruit", tree("pear"), VersionFields(), ["best"], RUN), WHO)
        log(catalog, "fruit", parts=PartSet("epoch 1", 1))
        catalog.add_part(NewPart("epoch 2", "fruit", tree("fig"), VersionFields()), WHO)
        catalog.start_run(NewRun(RUN), WHO)
        catalog.publish(lambda _view: [PacksAdded((AddedPack(bytes(16), 1, 1000, 1),))], WHO)


def test_every_operation_is_in_the_history_that_is_rebuilt(place: CatalogPlace) -> None:
    live(place)
    with place.open() as catalog:
        done = {type(op).__name__ for record in catalog.history() for op in record.entry.ops}
    assert len(done) == 21


def test_a_rebuilt_index_has_the_same_rows(place: CatalogPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_SIZE", 1000)
    monkeypatch.setattr(rebuild, "_RECORDS_PER_TRANSACTION", 3)
    live(place)
    assert len(place.segments) > 2
    with place.open() as catalog:
        rows = rows_of(catalog.environment)
    for file in place.index.iterdir():
        file.unlink()
    with IndexEnvironment.open(place.index, create=True) as environment:
        state = rebuilt_from(place.journal, environment)
        assert rows_of(environment) == rows
    with place.open() as catalog:
        with catalog.view() as view:
            assert view.state() == state
        assert check(catalog) == []
        assert log(catalog, "beasts").version.index == 5


def test_an_index_can_be_rebuilt_beside_the_old_one_and_put_in_its_place(place: CatalogPlace) -> None:
    live(place)
    aside = place.root / "index.new"
    with place.open() as catalog:
        rows = rows_of(catalog.environment)
        with catalog.journal.exclusive():
            with IndexEnvironment.open(aside, create=True) as environment:
                rebuild_catalog(environment, catalog.journal, STORE_ID)
            place.index.rename(place.root / "index.old")
            aside.rename(place.index)
        with pytest.raises(StoreError, match="open the store again"):
            log(catalog)
    with place.open() as catalog:
        assert rows_of(catalog.environment) == rows
        assert log(catalog, "beasts").version.index == 5
        assert check(catalog) == []


def test_a_torn_tail_is_left_for_the_next_opener(place: CatalogPlace) -> None:
    live(place)
    size = place.segments[-1].stat().st_size
    with place.segments[-1].open("ab") as file:
        file.write(b"JR01")
    with IndexEnvironment.open(place.root / "new", create=True) as environment:
        rebuilt_from(place.journal, environment)
        with Catalog.open(environment, LocalJournal(place.journal), STORE_ID):
            assert place.segments[-1].stat().st_size == size


def test_a_damaged_journal_rebuilds_nothing_beyond_the_damage(place: CatalogPlace) -> None:
    live(place)
    (segment,) = place.segments
    raw = bytearray(segment.read_bytes())
    raw[len(raw) // 2] ^= 1
    segment.write_bytes(raw)
    with IndexEnvironment.open(place.root / "new", create=True) as environment, pytest.raises(IntegrityError):
        rebuilt_from(place.journal, environment)


def test_an_index_that_has_something_in_it_is_not_rebuilt_into(place: CatalogPlace) -> None:
    with IndexEnvironment.open(place.index) as environment, pytest.raises(StoreError, match="not empty"):
        rebuilt_from(place.journal, environment)


def test_an_empty_journal_rebuilds_an_empty_catalog(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with IndexEnvironment.open(tmp_path / "index", create=True) as environment:
        assert rebuilt_from(tmp_path / "journal", environment).seq == 0
        with Catalog.open(environment, LocalJournal(tmp_path / "journal"), STORE_ID) as catalog:
            assert log(catalog).version.index == 0
