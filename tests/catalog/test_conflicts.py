"""A change that another writer's change precedes is planned again, and comes out as if it had been made after it."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from artfs.catalog import (
    Catalog,
    Incoming,
    IndexEnvironment,
    Journal,
    LocalJournal,
    NewPart,
    NewRun,
    NewVersion,
    PartSet,
    RetentionRules,
    VersionEdit,
    VersionUse,
    publish,
)
from artfs.catalog.journal import JournalConflictError, Position
from artfs.errors import ArtfsError
from artfs.format.bundle import BundledArtifact, BundledVersion
from artfs.format.operations import ArtifactCreated, VersionFields
from artfs.names import ArtifactName
from artfs.procfs import current_process
from tests.support.data.catalogs import STORE_ID, WHO, log, ref, rows_of, tree
from tests.support.models.memoryjournal import MemoryJournal, RacedJournal

RUN, CRASHED, ENDED = "aaaaaaaa", "cccccccc", "eeeeeeee"
EARLIER, LATER = 1_000, 1_000_000

Change = Callable[[Catalog], object]


def prepare(catalog: Catalog) -> None:
    """What the changes need: versions of all kinds, aliases, runs, parts."""
    process = current_process()
    assert process is not None
    log(catalog, contents="old")
    log(catalog, contents="cat", tags=["a"])
    log(catalog, contents="dog")
    catalog.set_alias(ref("animals:v1"), "best", WHO)
    log(catalog, contents="gone")
    catalog.delete_version(ref("animals:v3"), WHO)
    log(catalog, "plants")
    log(catalog, "brief", contents="expired", ttl_ns=1)
    log(catalog, "brief")
    catalog.start_run(NewRun(RUN, config=b'{"lr":1}'), WHO)
    catalog.start_run(NewRun(ENDED), WHO)
    catalog.finish_run(ENDED, "finished", WHO)
    catalog.start_run(NewRun(CRASHED, process=msgspec.structs.replace(process, started=1)), WHO)
    catalog.add_part(NewPart("group", "shared", tree("part 0"), VersionFields(), run=RUN), WHO)


def _incoming() -> Incoming:
    """A version of another store, for the artifact that all changes are about."""
    return Incoming(
        bytes(16),
        {"animals": BundledArtifact("animals", "dataset", 5)},
        [BundledVersion("animals", 9, tree("from elsewhere"), 5, VersionFields())],
    )


CHANGES: dict[str, Change] = {
    "publish": lambda c: c.publish(lambda v: [ArtifactCreated(v.state().next_serial, "trees", "dataset", 1)], WHO),
    "create_version": lambda c: log(c, contents="new", aliases=["best", "good"], logged_by=RUN),
    "create_version if_changed": lambda c: c.create_version(
        NewVersion("animals", logged_by=RUN, aliases=["good"]), tree("new"), WHO, if_changed=True
    ),
    "create_version of parts": lambda c: log(c, "shared", parts=PartSet("group", 1)),
    "log_again": lambda c: c.log_again(ref("animals:v0"), RUN, WHO, aliases=["best"]),
    "link": lambda c: c.link(ref("animals:latest"), "zoo", WHO, aliases=["best"]),
    "restore": lambda c: c.restore(ref("animals:v0"), WHO, aliases=["best"]),
    "receive_versions": lambda c: c.receive_versions(_incoming(), WHO),
    "set_alias": lambda c: c.set_alias(ref("animals:latest"), "good", WHO),
    "remove_alias": lambda c: c.remove_alias("animals", "best", WHO),
    "edit_version": lambda c: c.edit_version(
        ref("animals:best"), lambda version: VersionEdit(tags=[*version.tags, f"{len(version.tags)}"]), WHO
    ),
    "edit_artifact": lambda c: c.edit_artifact("animals", WHO, description="of the zoo"),
    "rename": lambda c: c.rename("animals", "beasts", WHO),
    "delete_version": lambda c: c.delete_version(ref("animals:latest"), WHO, delete_aliases=True),
    "delete_versions": lambda c: c.delete_versions("animals", iter([0, 2]), WHO),
    "delete_selected": lambda c: c.delete_selected([ArtifactName("animals")], WHO, RetentionRules(keep_last=1)),
    "undelete_version": lambda c: c.undelete_version("animals", 3, WHO),
    "undelete_versions": lambda c: c.undelete_versions("animals", WHO),
    "delete_artifact": lambda c: c.delete_artifact("animals", WHO, delete_aliases=True),
    "delete_artifacts": lambda c: c.delete_artifacts(["animals", "plants"], WHO, delete_aliases=True),
    "expire_versions": lambda c: c.expire_versions(WHO, limit=10),
    "start_run": lambda c: c.start_run(NewRun("bbbbbbbb"), WHO),
    "start_run that ended": lambda c: c.start_run(NewRun(ENDED, config=b'{"a":1}'), WHO),
    "start_run that crashed": lambda c: c.start_run(NewRun(CRASHED, process=current_process()), WHO),
    "edit_run": lambda c: c.edit_run(RUN, lambda old: msgspec.structs.replace(old, name=f"{old.name}+"), WHO),
    "finish_run": lambda c: c.finish_run(RUN, "failed", WHO, exit_code=3),
    "end_crashed": lambda c: c.end_crashed(iter([RUN, CRASHED]), WHO),
    "use_version": lambda c: c.use_version(RUN, ref("animals:latest"), WHO),
    "use_versions": lambda c: c.use_versions(RUN, (VersionUse(16, index, 5, 1, (b"a",)) for index in range(4)), WHO),
    "add_part": lambda c: c.add_part(NewPart("group", "shared", tree("part"), VersionFields(), ["best"], RUN), WHO),
}


RIVALS = (
    "create_version",
    "delete_artifact",
    "rename",
    "expire_versions",
    "start_run that crashed",
    "finish_run",
    "use_versions",
    "add_part",
)
"""Changes of everything that another change could have looked at."""


def test_every_kind_of_change_is_among_those_that_are_tried() -> None:
    methods = inspect.getmembers(Catalog, inspect.isfunction)
    changing = {name for name, method in methods if "who" in inspect.signature(method).parameters}
    assert changing - {"_change", "record_packs"} == {change.split()[0] for change in CHANGES}


def outcome(change: Change, catalog: Catalog) -> tuple[str, Any]:
    """The result of a change, or the error that it raises."""
    try:
        return "result", change(catalog)
    except ArtfsError as error:
        return type(error).__name__, str(error)


class Prepared:
    """A prepared catalog, of which any number of copies are opened: each with an index of its own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._opened = 0
        self._clock = EARLIER
        self._prepared = root / "1"
        (root / "journal").mkdir()
        Catalog.create(
            IndexEnvironment.open(self._prepared, create=True), LocalJournal(root / "journal"), STORE_ID
        ).close()
        with self.open(LocalJournal(root / "journal")) as catalog:
            prepare(catalog)
        self._clock = LATER

    def journal(self, kind: str) -> Journal:
        """A copy of the journal."""
        prepared = LocalJournal(self._root / "journal")
        if kind == "local":
            self._opened += 1
            shutil.copytree(self._root / "journal", self._root / f"journal-{self._opened}")
            return LocalJournal(self._root / f"journal-{self._opened}")
        memory = MemoryJournal(STORE_ID)
        position = Position.start(STORE_ID)
        data = b"".join(prepared.path(segment).read_bytes()[64:] for segment in prepared.segments())
        for record, after in prepared.read(position):
            memory.append(position, data[: record.size])
            data, position = data[record.size :], after
        return memory

    def open(self, journal: Journal) -> Catalog:
        """Another index over a journal."""
        self._opened += 1
        index = self._root / str(self._opened)
        if self._clock == LATER:
            shutil.copytree(self._prepared, index)
        return Catalog.open(IndexEnvironment.open(index, create=True), journal, STORE_ID, clock=lambda: self._clock)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("prepared"))


def check_raced(prepared: Prepared, kind: str, change: Change, rival: Change) -> None:
    """Make a change while another one comes first; compare with the two one after the other."""
    with prepared.open(prepared.journal(kind)) as one_by_one:
        before = len(list(one_by_one.history()))
        expected_of_rival = outcome(rival, one_by_one)
        assert len(list(one_by_one.history())) > before, "a rival that changes nothing is none"
        expected = outcome(change, one_by_one)
        expected_rows = rows_of(one_by_one.environment)
    journal = prepared.journal(kind)
    with prepared.open(journal) as other:
        raced = RacedJournal(journal, lambda: outcomes.append(outcome(rival, other)))
        outcomes: list[tuple[str, Any]] = []
        with prepared.open(raced) as catalog:
            raced.armed = 1
            found = outcome(change, catalog)
            assert (raced.armed, raced.conflicts) == (0, 1), "the conflict did not happen"
            assert outcomes == [expected_of_rival]
            assert found == expected
            catalog.publish(lambda _view: [], WHO)  # catches up if the change came to nothing
            assert rows_of(catalog.environment) == expected_rows


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_another_one_precedes_is_planned_again(prepared: Prepared, name: str) -> None:
    for rival in dict.fromkeys([*RIVALS, name]):
        check_raced(prepared, "memory", CHANGES[name], CHANGES[rival])


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_files_is_planned_again(prepared: Prepared, name: str) -> None:
    check_raced(prepared, "local", CHANGES[name], lambda catalog: log(catalog, contents="the rival's"))


def test_a_change_that_others_always_precede_is_given_up_and_leaves_nothing(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = prepared.journal("memory")
    with prepared.open(journal) as other:
        raced = RacedJournal(journal, lambda: log(other, "rivals"))
        with prepared.open(raced) as catalog:
            raced.armed = 1000
            with monkeypatch.context() as patch:
                patch.setattr(publish, "CONTENTION_SECONDS", 0)
                with pytest.raises(JournalConflictError):
                    log(catalog, "plants", contents="never")
            assert raced.conflicts >= 1
            with catalog.view() as view:
                assert view.resolve(ref("plants")).tree != tree("never")
            raced.armed = 3
            assert log(catalog, "plants", contents="at last").version.index == 1
