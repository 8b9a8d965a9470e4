"""Versions from another store: recognised, numbered, aliased, and with their runs and lineage."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from artfs.catalog import Catalog, EdgeKind, Incoming, NewRun, Received, VersionEdit, VersionUse
from artfs.errors import ConflictError, IntegrityError, InvalidInputError, TypeMismatchError
from artfs.format.bundle import BundledRun
from artfs.format.operations import Op, Origin, VersionCreated, VersionFields
from artfs.format.runs import RunFields
from artfs.names import LATEST
from artfs.transfer.documents import DocumentCollector, documents_of
from tests.support.data.catalogs import WHO, CatalogPlace, Clock, check, log, ref, rows_of, tree

ELSEWHERE = bytes(range(16))


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Catalog]:
    """The catalog that versions come from; its clock is another one."""
    place = CatalogPlace.make(tmp_path / "origin")
    place.clock = Clock(1_000_000)
    with place.open() as opened:
        yield opened


def come(origin: Catalog, *refs: str, aliases: bool = True, move: bool = False) -> Incoming:
    """What comes with versions of the origin, as it would come in a file."""
    collected = DocumentCollector(Incoming(ELSEWHERE, move_aliases=move))
    with origin.view() as view:
        for document in documents_of(view, [view.resolve(ref(each)) for each in refs], aliases=aliases):
            collected.add(document)
    return collected.incoming


def receive(catalog: Catalog, origin: Catalog, *refs: str, aliases: bool = True, move: bool = False) -> Received:
    return catalog.receive_versions(come(origin, *refs, aliases=aliases, move=move), WHO)


def arrivals(received: Received) -> dict[str, tuple[int, str]]:
    return {str(one.version.identity): (one.index, one.arrival.value) for one in received.versions}


def named(catalog: Catalog, name: str = "animals") -> dict[str, int]:
    with catalog.view() as view:
        artifact = view.artifact_by_name(name)
        return {} if artifact is None else {row.name: row.index for row in view.aliases(artifact.serial)}


def test_versions_of_a_new_name_keep_their_numbers_times_fields_and_contents(catalog: Catalog, origin: Catalog) -> None:
    log(origin, type="photos", description="all", metadata=b'{"a":1}', tags=["x"], ttl_ns=10**18)
    log(origin, contents="dog")
    log(origin, contents="cow", source="zoo:v1")
    origin.edit_artifact("animals", WHO, description="beasts")
    received = receive(catalog, origin, "animals:v0", "animals:v2")
    assert arrivals(received) == {"animals:v0": (0, "new"), "animals:v2": (2, "new")}
    for number in ("animals:v0", "animals:v2"):
        with catalog.view() as here, origin.view() as there:
            version, came = here.resolve(ref(number)), there.resolve(ref(number))
            assert msgspec.structs.replace(version, serial=came.serial, artifact=came.artifact) == came
            kept = here.origin(version)
            assert kept is not None
            assert (kept.store, str(kept)) == (ELSEWHERE, number)
            artifact, other = here.artifact_by_name("animals"), there.artifact_by_name("animals")
            assert artifact is not None
            assert other is not None
            assert (artifact.type, artifact.description, artifact.created_ns) == (
                other.type,
                other.description,
                other.created_ns,
            )
    assert named(catalog) == {LATEST: 2}
    assert log(catalog, contents="own").version.index == 3


def test_what_came_already_is_recognised_and_nothing_is_published(catalog: Catalog, origin: Catalog) -> None:
    log(origin, aliases=["best"])
    assert receive(catalog, origin, "animals:v0").changed
    before = rows_of(catalog.environment)
    again = receive(catalog, origin, "animals:v0")
    assert not again.changed
    assert arrivals(again) == {"animals:v0": (0, "present")}
    assert rows_of(catalog.environment) == before


def test_a_version_that_was_edited_here_stays_as_it_is(catalog: Catalog, origin: Catalog) -> None:
    log(origin, description="theirs")
    receive(catalog, origin, "animals:v0")
    catalog.edit_version(ref("animals:v0"), VersionEdit(description="ours"), WHO)
    assert not receive(catalog, origin, "animals:v0").changed
    with catalog.view() as view:
        assert view.resolve(ref("animals:v0")).description == "ours"


def test_the_same_contents_of_the_same_number_are_recognised_though_made_apart(
    catalog: Catalog, origin: Catalog
) -> None:
    log(origin)
    log(catalog)
    assert arrivals(receive(catalog, origin, "animals:v0")) == {"animals:v0": (0, "present")}


def test_a_number_that_is_taken_gives_the_next_one_in_the_order_that_they_had(
    catalog: Catalog, origin: Catalog
) -> None:
    log(catalog, contents="ours")
    for contents in ("cat", "dog", "cow"):
        log(origin, contents=contents)
    received = receive(catalog, origin, "animals:v2", "animals:v0", "animals:v1")
    assert arrivals(received) == {
        "animals:v0": (1, "new"),
        "animals:v1": (2, "new"),
        "animals:v2": (3, "new"),
    }
    assert not receive(catalog, origin, "animals:v0", "animals:v1", "animals:v2").changed
    assert named(catalog) == {LATEST: 3}


def test_an_older_version_that_comes_later_takes_its_own_number_and_latest_stays(
    catalog: Catalog, origin: Catalog
) -> None:
    for number in range(6):
        log(origin, contents=str(number))
    receive(catalog, origin, "animals:v5")
    for number in (3, 0, 4):
        assert arrivals(receive(catalog, origin, f"animals:v{number}")) == {f"animals:v{number}": (number, "new")}
    assert named(catalog) == {LATEST: 5}
    artifact = _serial(catalog)
    with catalog.view() as view:
        assert view.gaps(artifact) == [range(1, 3)]
    receive(catalog, origin, "animals:v1", "animals:v2")
    with catalog.view() as view:
        assert view.gaps(artifact) == []


def _serial(catalog: Catalog) -> int:
    with catalog.view() as view:
        artifact = view.artifact_by_name("animals")
        assert artifact is not None
        return artifact.serial


def test_a_number_that_was_used_once_is_never_given_again(catalog: Catalog, origin: Catalog) -> None:
    log(catalog, contents="ours")
    log(catalog, contents="ours too")
    catalog.delete_artifact("animals", WHO)
    catalog.expire_versions(WHO, limit=10)
    log(origin)
    assert arrivals(receive(catalog, origin, "animals:v0")) == {"animals:v0": (2, "new")}


def test_only_an_operation_with_an_origin_passes_over_a_number_and_none_takes_a_used_one(catalog: Catalog) -> None:
    log(catalog)

    def of(index: int, origin: Origin | None) -> list[Op]:
        with catalog.view() as view:
            serial = view.state().next_serial
        return [VersionCreated(serial, _serial(catalog), index, tree("x"), 5, VersionFields(), origin=origin)]

    with pytest.raises(IntegrityError, match="out of turn"):
        catalog.publish(lambda _view: of(7, None), WHO)
    with pytest.raises(IntegrityError, match="out of turn"):
        catalog.publish(lambda _view: of(0, Origin(ELSEWHERE, "animals", 0)), WHO)


def test_a_deleted_version_is_undeleted_with_its_artifact(catalog: Catalog, origin: Catalog) -> None:
    log(origin)
    log(origin, contents="dog")
    receive(catalog, origin, "animals:v0", "animals:v1")
    catalog.delete_version(ref("animals:v1"), WHO)
    received = receive(catalog, origin, "animals:v1")
    assert arrivals(received) == {"animals:v1": (1, "undeleted")}
    assert named(catalog) == {LATEST: 1}
    catalog.delete_artifact("animals", WHO)
    received = receive(catalog, origin, "animals:v0")
    assert arrivals(received) == {"animals:v0": (0, "undeleted")}
    assert named(catalog) == {LATEST: 0}


def test_a_version_that_gc_has_removed_comes_back_under_another_number(catalog: Catalog, origin: Catalog) -> None:
    log(origin)
    receive(catalog, origin, "animals:v0")
    catalog.delete_artifact("animals", WHO)
    catalog.expire_versions(WHO, limit=10)
    assert arrivals(receive(catalog, origin, "animals:v0")) == {"animals:v0": (1, "new")}


def test_an_artifact_of_another_type_is_refused_and_one_that_is_deleted_is_not(
    catalog: Catalog, origin: Catalog
) -> None:
    log(origin, type="model")
    log(catalog, contents="ours")
    with pytest.raises(TypeMismatchError, match=r"has type dataset here and model .*`artfs rename animals NEW`"):
        receive(catalog, origin, "animals:v0")
    catalog.delete_artifact("animals", WHO)
    assert arrivals(receive(catalog, origin, "animals:v0")) == {"animals:v0": (1, "new")}
    with catalog.view() as view:
        artifact = view.artifact_by_name("animals")
        assert artifact is not None
        assert artifact.type == "model"


def test_a_name_that_an_artifact_gave_up_is_another_artifact_s(catalog: Catalog, origin: Catalog) -> None:
    log(catalog, contents="ours")
    catalog.rename("animals", "beasts", WHO)
    log(origin)
    assert arrivals(receive(catalog, origin, "animals:v0")) == {"animals:v0": (1, "new")}
    assert named(catalog, "beasts") == {LATEST: 0}


def test_aliases_come_when_they_are_asked_for_and_move_only_when_that_is(catalog: Catalog, origin: Catalog) -> None:
    log(origin, aliases=["best", "día"])
    assert receive(catalog, origin, "animals:v0", aliases=False).aliases == []
    assert named(catalog) == {LATEST: 0}
    assert [alias.alias for alias in receive(catalog, origin, "animals:v0").aliases] == ["best", "día"]
    log(origin, contents="dog", aliases=["best"])
    stayed = receive(catalog, origin, "animals:v1")
    assert [str(alias) for alias in stayed.kept_aliases] == ["animals:best"]
    assert named(catalog) == {"best": 0, "día": 0, LATEST: 1}
    moved = receive(catalog, origin, "animals:v1", move=True)
    assert [str(alias) for alias in moved.aliases] == ["animals:best"]
    assert named(catalog) == {"best": 1, "día": 0, LATEST: 1}


def test_runs_and_lineage_come_with_their_versions(catalog: Catalog, origin: Catalog) -> None:
    data = log(origin, "data").version
    run = origin.start_run(
        NewRun("train000", "train", "fit", b'{"lr":1}', ("python", "t.py"), "f" * 40, "/work", True), WHO
    )
    origin.use_versions(run.id, [VersionUse(data.artifact, 0, 7, 3, (b"a", b"\xff"))], WHO)
    log(origin, "model", contents="weights", logged_by=run.id, how="commit")
    origin.finish_run(run.id, "failed", WHO, exit_code=3)
    received = receive(catalog, origin, "model:v0")
    assert (received.runs, received.edges, received.edges_left_out) == (1, 1, 1)
    with catalog.view() as here, origin.view() as there:
        assert here.run(run.id) == there.run(run.id)
        (made,) = here.edges_of_version(here.resolve(ref("model:v0")), EdgeKind.LOGGED)
        assert (made.run, made.how) == (run.id, "commit")
    received = receive(catalog, origin, "data:v0")
    assert (received.runs, received.edges, received.edges_left_out) == (0, 1, 0)
    with catalog.view() as here, origin.view() as there:
        (used,) = here.edges_of_run(run.id, EdgeKind.USED)
        (used_there,) = there.edges_of_run(run.id, EdgeKind.USED)
        assert msgspec.structs.replace(used, artifact=used_there.artifact) == used_there
    assert not receive(catalog, origin, "data:v0", "model:v0").changed


def test_a_run_that_goes_on_is_ended_by_a_later_import(catalog: Catalog, origin: Catalog) -> None:
    origin.start_run(NewRun("train000"), WHO)
    log(origin, logged_by="train000")
    receive(catalog, origin, "animals:v0")
    with catalog.view() as view:
        assert view.resolve_run("train000").state == "running"
    origin.edit_run("train000", lambda old: msgspec.structs.replace(old, summary=b'{"loss":1}'), WHO)
    origin.finish_run("train000", "finished", WHO, exit_code=0)
    assert receive(catalog, origin, "animals:v0").changed
    with catalog.view() as here, origin.view() as there:
        assert here.run("train000") == there.run("train000")


def test_a_run_whose_id_another_one_has_gets_one_and_keeps_it(catalog: Catalog, origin: Catalog) -> None:
    catalog.start_run(NewRun("train000", "ours"), WHO)
    origin.start_run(NewRun("train000", "theirs"), WHO)
    log(origin, logged_by="train000")
    received = receive(catalog, origin, "animals:v0")
    other = received.renamed_runs["train000"]
    with catalog.view() as view:
        assert view.resolve_run("train000").fields.name == "ours"
        assert view.resolve_run(other).fields.name == "theirs"
        assert view.resolve(ref("animals:v0")).logged_by == other
    again = receive(catalog, origin, "animals:v0")
    assert (again.changed, again.renamed_runs) == (False, {"train000": other})


def test_more_that_a_run_opened_is_added(catalog: Catalog, origin: Catalog) -> None:
    version = log(origin).version
    origin.start_run(NewRun("train000"), WHO)
    for count in (1, 2):
        paths = tuple(b"%d" % number for number in range(count))
        origin.use_versions("train000", [VersionUse(version.artifact, 0, 7, count, paths)], WHO)
        assert receive(catalog, origin, "animals:v0").edges == (1 if count == 1 else 0)
        with catalog.view() as view:
            (edge,) = view.edges_of_run("train000", EdgeKind.USED)
        assert (edge.entries, edge.paths) == (count, paths)


def test_a_version_keeps_its_first_origin_through_a_third_store(
    catalog: Catalog, origin: Catalog, tmp_path: Path
) -> None:
    log(origin)
    with CatalogPlace.make(tmp_path / "between").open() as between:
        log(between, contents="ours")
        receive(between, origin, "animals:v0")
        collected = come(between, "animals:v1")
        collected.store = bytes(16)
        assert arrivals(catalog.receive_versions(collected, WHO)) == {"animals:v1": (1, "new")}
    with catalog.view() as view:
        kept = view.origin(view.resolve(ref("animals:v1")))
        assert kept is not None
        assert (kept.store, str(kept)) == (ELSEWHERE, "animals:v0")
    assert arrivals(receive(catalog, origin, "animals:v0")) == {"animals:v0": (1, "present")}


@pytest.mark.parametrize(
    "fields",
    [
        VersionFields(metadata=b"[]"),
        VersionFields(metadata=b'{"b":1, "a":2}'),
        VersionFields(description="x" * (2 << 20)),
    ],
    ids=["no object", "not canonical", "too long"],
)
def test_values_that_no_user_may_give_are_refused(catalog: Catalog, origin: Catalog, fields: VersionFields) -> None:
    log(origin)
    incoming = come(origin, "animals:v0")
    incoming.versions = [msgspec.structs.replace(version, fields=fields) for version in incoming.versions]
    with pytest.raises(InvalidInputError):
        catalog.receive_versions(incoming, WHO)


def test_runs_of_values_that_no_user_may_give_are_refused(catalog: Catalog) -> None:
    for run in (
        BundledRun("train000", RunFields(config=b"nothing"), 5, "ann", "lab", 1),
        BundledRun("train000", RunFields(name="\ud800"), 5, "ann", "lab", 1),
        BundledRun("train000", RunFields(), 5, "ann", "lab", 1, ("\ud800",)),
    ):
        with pytest.raises(InvalidInputError):
            catalog.receive_versions(Incoming(ELSEWHERE, runs=[run]), WHO)


def test_a_dry_run_says_the_same_and_changes_nothing(catalog: Catalog, origin: Catalog) -> None:
    log(origin, aliases=["best"])
    before = rows_of(catalog.environment)
    planned = catalog.receive_versions(come(origin, "animals:v0"), WHO, dry_run=True)
    assert rows_of(catalog.environment) == before
    assert planned == receive(catalog, origin, "animals:v0")


@pytest.mark.parametrize("seed", range(8))
def test_two_stores_that_send_each_other_versions_agree_on_them(catalog: Catalog, origin: Catalog, seed: int) -> None:
    """Random histories of both; whatever was sent is there, with its time and contents, and is recognised again."""
    rng = random.Random(seed)
    sides = (catalog, origin)
    for _step in range(60):
        here, there = rng.sample(sides, 2)
        name = rng.choice(("animals", "plants"))
        numbers = _numbers(here, name)
        match rng.randrange(6):
            case 0 | 1:
                log(here, name, contents=str(rng.randrange(5)), aliases=rng.sample(["best", "good"], rng.randrange(3)))
            case 2 if numbers:
                here.delete_version(ref(f"{name}:v{rng.choice(numbers)}"), WHO, delete_aliases=True)
            case 3 if not numbers:
                here.expire_versions(WHO, limit=100)
            case _ if numbers:
                sent = [f"{name}:v{number}" for number in rng.sample(numbers, rng.randint(1, len(numbers)))]
                received = receive(there, here, *sent, move=rng.random() < 0.5)
                _assert_came(there, received)
                assert not receive(there, here, *sent).changed or received.kept_aliases
    for side in sides:
        assert check(side) == []


def _numbers(catalog: Catalog, name: str) -> list[int]:
    with catalog.view() as view:
        artifact = view.artifact_by_name(name)
        return [] if artifact is None else [version.index for version in view.versions(artifact.serial)]


def _assert_came(catalog: Catalog, received: Received) -> None:
    with catalog.view() as view:
        for one in received.versions:
            came = one.version
            version = view.resolve(ref(f"{came.artifact}:v{one.index}"))
            assert version.digest == came.tree.digest
            if one.arrival == "new":
                assert (version.created_ns, version.fields, version.tree) == (came.created_ns, came.fields, came.tree)


@pytest.mark.parametrize(("here", "there"), [("zoo", "zoo/animals"), ("zoo/animals", "zoo")])
def test_a_name_that_would_be_a_project_and_an_artifact_is_refused_and_nothing_comes(
    catalog: Catalog, origin: Catalog, here: str, there: str
) -> None:
    log(catalog, here)
    log(origin, "plants")
    log(origin, there)
    before = rows_of(catalog.environment)
    with pytest.raises(ConflictError, match="project"):
        receive(catalog, origin, "plants", there)
    assert rows_of(catalog.environment) == before
