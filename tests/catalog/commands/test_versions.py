"""What the catalog allows, and what it refuses, is what FEATURES promises."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from artfs.catalog import (
    Catalog,
    EdgeKind,
    IndexState,
    NewRun,
    NewVersion,
    RetentionRules,
    VersionEdit,
    VersionUse,
)
from artfs.errors import (
    ArtfsError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TypeMismatchError,
    VersionInUseError,
)
from artfs.format.operations import AliasSet, VersionEdited
from artfs.names import VersionRef, parse_artifact_name, parse_ref_or_range
from tests.support.data.catalogs import WHO, CatalogPlace, Clock, log, ref, tree


def indexes(catalog: Catalog, name: str = "animals") -> list[int]:
    with catalog.view() as view:
        artifact = view.artifact_by_name(name)
        return [] if artifact is None else [version.index for version in view.versions(artifact.serial)]


def state(catalog: Catalog) -> IndexState:
    with catalog.view() as view:
        return view.state()


def aliases(catalog: Catalog, name: str = "animals") -> dict[str, int]:
    with catalog.view() as view:
        artifact = view.artifact_by_name(name)
        return {} if artifact is None else {row.name: row.index for row in view.aliases(artifact.serial)}


def test_versions_count_up_from_v0_and_latest_follows(catalog: Catalog) -> None:
    assert [log(catalog, contents=str(n)).version.name for n in range(3)] == ["v0", "v1", "v2"]
    assert aliases(catalog) == {"latest": 2}


def test_the_same_contents_again_are_the_next_version(catalog: Catalog) -> None:
    assert [log(catalog).version.index for _ in range(2)] == [0, 1]


def test_if_changed_gives_the_latest_version_when_its_contents_are_the_same(catalog: Catalog) -> None:
    log(catalog, contents="old")
    first = log(catalog, contents="cat")
    again = catalog.create_version(NewVersion("animals"), tree("cat"), WHO, if_changed=True)
    assert (again.version, again.created) == (first.version, False)
    older = catalog.create_version(NewVersion("animals"), tree("old"), WHO, if_changed=True)
    assert (older.version.index, older.created) == (2, True)


def test_if_changed_still_moves_the_aliases_that_were_asked_for(catalog: Catalog) -> None:
    log(catalog)
    catalog.create_version(NewVersion("animals", aliases=["best"]), tree("cat"), WHO, if_changed=True)
    assert (indexes(catalog), aliases(catalog)) == ([0], {"best": 0, "latest": 0})


def test_a_change_that_changes_nothing_writes_no_record(catalog: Catalog) -> None:
    log(catalog, aliases=["best"])
    before = len(list(catalog.history()))
    catalog.create_version(NewVersion("animals"), tree("cat"), WHO, if_changed=True)
    catalog.set_alias(ref("animals:v0"), "best", WHO)
    catalog.edit_version(ref("animals:v0"), VersionEdit(description=""), WHO)
    catalog.edit_artifact("animals", WHO, description="")
    assert len(list(catalog.history())) == before


def test_an_artifact_keeps_its_type(catalog: Catalog) -> None:
    log(catalog, type="model")
    assert log(catalog).version.index == 1
    assert log(catalog, type="model").version.index == 2
    with pytest.raises(TypeMismatchError, match="has type model, not dataset"):
        log(catalog, type="dataset")
    assert indexes(catalog) == [0, 1, 2]


def test_a_new_artifact_is_a_dataset_unless_another_type_is_given(catalog: Catalog) -> None:
    log(catalog)
    with catalog.view() as view:
        artifact = view.artifact_by_name("animals")
    assert artifact is not None
    assert artifact.type == "dataset"


def test_aliases_move_to_the_version_they_are_logged_with(catalog: Catalog) -> None:
    log(catalog, aliases=["best", "latest", "best"])
    log(catalog, aliases=["good"])
    log(catalog, aliases=["best"])
    assert aliases(catalog) == {"best": 2, "good": 1, "latest": 2}


def test_an_alias_can_be_set_by_version_or_by_alias(catalog: Catalog) -> None:
    log(catalog)
    log(catalog)
    catalog.set_alias(ref("animals:v0"), "best", WHO)
    catalog.set_alias(ref("animals:best"), "good", WHO)
    catalog.set_alias(ref("animals"), "best", WHO)
    assert aliases(catalog) == {"best": 1, "good": 0, "latest": 1}


def test_a_moved_alias_keeps_its_serial_and_one_made_again_gets_a_new_one(catalog: Catalog) -> None:
    def serial() -> int:
        with catalog.view() as view:
            row = view.alias(artifact, "best")
        assert row is not None
        return row.serial

    artifact = log(catalog, aliases=["best"]).version.artifact
    first = serial()
    log(catalog, aliases=["best"])
    assert serial() == first
    catalog.remove_alias("animals", "best", WHO)
    catalog.set_alias(ref("animals:v0"), "best", WHO)
    assert serial() > first


def test_latest_is_moved_by_the_store_alone(catalog: Catalog) -> None:
    log(catalog)
    with pytest.raises(InvalidInputError, match="kept by the store"):
        catalog.set_alias(ref("animals:v0"), "latest", WHO)
    with pytest.raises(InvalidInputError, match="kept by the store"):
        catalog.remove_alias("animals", "latest", WHO)


def test_a_version_with_aliases_is_deleted_only_together_with_them(catalog: Catalog) -> None:
    log(catalog, aliases=["best"])
    log(catalog)
    with pytest.raises(VersionInUseError, match=r"best \(v0\)"):
        catalog.delete_version(ref("animals:v0"), WHO)
    assert catalog.delete_version(ref("animals:v0"), WHO, delete_aliases=True).deleted
    assert (indexes(catalog), aliases(catalog)) == ([1], {"latest": 1})


def test_latest_falls_back_to_the_newest_version_left(catalog: Catalog) -> None:
    for _ in range(4):
        log(catalog)
    catalog.delete_version(ref("animals:v2"), WHO)
    assert aliases(catalog) == {"latest": 3}
    catalog.delete_version(ref("animals:latest"), WHO)
    assert aliases(catalog) == {"latest": 1}
    catalog.delete_versions("animals", [0, 1], WHO)
    assert (indexes(catalog), aliases(catalog)) == ([], {})


def test_several_versions_are_deleted_all_or_none(catalog: Catalog) -> None:
    for _ in range(3):
        log(catalog)
    with pytest.raises(NotFoundError):
        catalog.delete_versions("animals", [0, 1, 7], WHO)
    assert indexes(catalog) == [0, 1, 2]
    assert [version.index for version in catalog.delete_versions("animals", [0, 2, 0], WHO)] == [0, 2]
    assert (indexes(catalog), aliases(catalog)) == ([1], {"latest": 1})


def test_an_index_is_never_used_again_not_even_after_the_last_version_went(catalog: Catalog) -> None:
    log(catalog)
    log(catalog)
    catalog.delete_versions("animals", [0, 1], WHO)
    assert log(catalog).version.index == 2


def test_an_index_is_never_used_again_after_the_artifact_was_deleted(catalog: Catalog) -> None:
    first = log(catalog, type="model").version
    log(catalog)
    catalog.delete_artifact("animals", WHO)
    again = log(catalog, type="dataset").version
    assert again.index == 2
    assert again.artifact != first.artifact


def test_an_index_is_never_used_again_under_a_name_that_an_artifact_gave_up(catalog: Catalog) -> None:
    log(catalog)
    log(catalog)
    catalog.rename("animals", "beasts", WHO)
    assert log(catalog, "animals").version.index == 2
    assert log(catalog, "beasts").version.index == 2


def test_a_renamed_artifact_keeps_versions_aliases_and_serials(catalog: Catalog) -> None:
    version = log(catalog, aliases=["best"]).version
    assert catalog.rename("animals", "beasts", WHO).name == "beasts"
    with catalog.view() as view:
        assert view.resolve(ref("beasts:best")) == version
        assert str(view.ref(version)) == "beasts:v0"
        with pytest.raises(NotFoundError):
            view.resolve(ref("animals"))


def test_rename_refuses_a_name_that_is_taken(catalog: Catalog) -> None:
    log(catalog, "animals")
    log(catalog, "plants")
    with pytest.raises(ConflictError, match="plants exists"):
        catalog.rename("animals", "plants", WHO)
    with pytest.raises(ConflictError, match="animals exists"):
        catalog.rename("animals", "animals", WHO)


def test_rename_refuses_a_name_whose_indexes_were_anothers(catalog: Catalog) -> None:
    log(catalog, "plants")
    catalog.delete_artifact("plants", WHO)
    log(catalog, "animals")
    with pytest.raises(ConflictError, match="never used again"):
        catalog.rename("animals", "plants", WHO)


def test_an_artifact_can_take_its_old_name_back(catalog: Catalog) -> None:
    log(catalog)
    catalog.rename("animals", "beasts", WHO)
    log(catalog, "beasts")
    catalog.rename("beasts", "animals", WHO)
    assert indexes(catalog) == [0, 1]
    assert log(catalog).version.index == 2


def test_an_artifact_cannot_take_its_old_name_back_when_another_had_it_since(catalog: Catalog) -> None:
    log(catalog)
    catalog.rename("animals", "beasts", WHO)
    log(catalog, "animals")
    catalog.delete_artifact("animals", WHO)
    with pytest.raises(ConflictError, match="never used again"):
        catalog.rename("beasts", "animals", WHO)


def test_versions_of_several_artifacts_are_deleted_by_one_record(catalog: Catalog) -> None:
    for name in ("animals", "animals", "animals", "plants", "plants"):
        log(catalog, name)
    seq = state(catalog).seq
    gone = catalog.delete_selected([parse_ref_or_range("animals:v0-v1"), ref("plants")], WHO)
    assert state(catalog).seq == seq + 1
    assert [(version.artifact, version.index) for version in gone] == [(16, 0), (16, 1), (21, 1)]
    assert (indexes(catalog), indexes(catalog, "plants")) == ([2], [0])


def test_of_versions_of_which_one_is_not_there_none_is_deleted(catalog: Catalog) -> None:
    log(catalog)
    log(catalog)
    for missing in ("animals:v2-v9", "animals:v7", "plants"):
        with pytest.raises(NotFoundError):
            catalog.delete_selected([ref("animals:v0"), parse_ref_or_range(missing)], WHO)
    assert indexes(catalog) == [0, 1]


def test_a_range_has_the_versions_that_are_there_however_far_it_reaches(catalog: Catalog) -> None:
    for _ in range(4):
        log(catalog)
    catalog.delete_version(ref("animals:v1"), WHO)
    found = catalog.delete_selected([parse_ref_or_range(f"animals:v0-v{10**17}")], WHO, dry_run=True)
    assert [version.index for version in found] == [0, 2, 3]
    assert indexes(catalog) == [0, 2, 3]


def test_rules_take_old_versions_and_leave_the_newest_and_what_has_aliases(place: CatalogPlace) -> None:
    place.clock = clock = Clock()
    with place.open() as catalog:
        for aliases_ in ((), ("best",), (), ()):
            log(catalog, aliases=aliases_)
            clock.now += 10**9
        rules, animals = RetentionRules(older_than_ns=15 * 10**8), parse_artifact_name("animals")
        planned = catalog.delete_selected([animals], WHO, rules, dry_run=True)
        assert [version.index for version in planned] == [0, 2]
        assert catalog.delete_selected([animals], WHO, rules) == [
            msgspec.structs.replace(version, deleted=True) for version in planned
        ]
        assert (indexes(catalog), aliases(catalog)) == ([1, 3], {"best": 1, "latest": 3})
        catalog.delete_selected([animals], WHO, RetentionRules(keep_last=1), delete_aliases=True)
        assert (indexes(catalog), aliases(catalog)) == ([3], {"latest": 3})


def test_several_artifacts_are_deleted_by_one_record_or_none(catalog: Catalog) -> None:
    log(catalog, "animals")
    log(catalog, "plants", aliases=["best"])
    seq = state(catalog).seq
    with pytest.raises(VersionInUseError):
        catalog.delete_artifacts(["animals", "plants"], WHO)
    catalog.delete_artifacts(["animals", "plants"], WHO, delete_aliases=True, dry_run=True)
    assert (indexes(catalog), state(catalog).seq) == ([0], seq)
    catalog.delete_artifacts(["animals", "plants"], WHO, delete_aliases=True)
    assert (indexes(catalog), indexes(catalog, "plants"), state(catalog).seq) == ([], [], seq + 1)


def test_a_deleted_version_can_be_brought_back(catalog: Catalog) -> None:
    log(catalog)
    gone = log(catalog).version
    catalog.delete_version(ref("animals:v1"), WHO)
    with (
        catalog.view() as view,
        pytest.raises(NotFoundError, match="animals:v1 was deleted: `artfs undelete animals:v1` brings"),
    ):
        view.resolve(ref("animals:v1"))
    assert catalog.undelete_version("animals", 1, WHO) == gone
    assert aliases(catalog) == {"latest": 1}


def test_a_version_is_brought_back_with_those_of_its_aliases_that_nobody_took(catalog: Catalog) -> None:
    log(catalog, aliases=["best", "good", "moved"])
    log(catalog, aliases=["moved"])
    catalog.delete_version(ref("animals:v0"), WHO, delete_aliases=True)
    catalog.set_alias(ref("animals:v1"), "best", WHO)
    catalog.undelete_version("animals", 0, WHO)
    assert aliases(catalog) == {"best": 1, "good": 0, "latest": 1, "moved": 1}


def test_an_artifact_whose_versions_are_brought_back_has_its_aliases_again(catalog: Catalog) -> None:
    log(catalog, aliases=["old"])
    log(catalog, aliases=["new"])
    before = aliases(catalog)
    catalog.delete_artifact("animals", WHO, delete_aliases=True)
    catalog.undelete_version("animals", 1, WHO)
    catalog.undelete_version("animals", 0, WHO)
    assert aliases(catalog) == before


def test_gc_without_grace_takes_what_was_deleted_while_the_clock_was_ahead(place: CatalogPlace) -> None:
    place.clock = Clock(10**15)
    with place.open() as catalog:
        log(catalog)
        catalog.delete_version(ref("animals:v0"), WHO)
    place.clock = Clock()
    with place.open() as catalog:
        assert catalog.expire_versions(WHO, limit=9, grace_ns=10**9) == []
        assert [one.ref for one in catalog.expire_versions(WHO, limit=9)] == ["animals:v0"]


def test_bringing_back_an_older_version_leaves_latest_where_it_is(catalog: Catalog) -> None:
    log(catalog)
    log(catalog)
    catalog.delete_version(ref("animals:v0"), WHO)
    catalog.undelete_version("animals", 0, WHO)
    assert (indexes(catalog), aliases(catalog)) == ([0, 1], {"latest": 1})


def test_bringing_back_a_version_brings_its_deleted_artifact_back(catalog: Catalog) -> None:
    log(catalog, type="model")
    log(catalog)
    catalog.delete_artifact("animals", WHO)
    catalog.undelete_version("animals", 0, WHO)
    assert (indexes(catalog), aliases(catalog)) == ([0], {"latest": 0})
    assert log(catalog, type="model").version.index == 2


def test_a_version_is_not_brought_back_into_another_artifact(catalog: Catalog) -> None:
    log(catalog)
    catalog.delete_artifact("animals", WHO)
    log(catalog)
    with pytest.raises(NotFoundError):
        catalog.undelete_version("animals", 0, WHO)
    with pytest.raises(ConflictError, match="is not deleted"):
        catalog.undelete_version("animals", 1, WHO)


def test_a_version_is_not_brought_back_under_a_name_its_artifact_gave_up(catalog: Catalog) -> None:
    log(catalog)
    log(catalog)
    catalog.delete_version(ref("animals:v0"), WHO)
    catalog.rename("animals", "beasts", WHO)
    with pytest.raises(NotFoundError):
        catalog.undelete_version("animals", 0, WHO)
    assert catalog.undelete_version("beasts", 0, WHO).index == 0


def test_an_artifact_with_aliases_is_deleted_only_together_with_them(catalog: Catalog) -> None:
    log(catalog, aliases=["best"])
    with pytest.raises(VersionInUseError):
        catalog.delete_artifact("animals", WHO)
    assert catalog.delete_artifact("animals", WHO, delete_aliases=True).deleted
    with catalog.view() as view:
        assert list(view.artifacts()) == list(view.children(0)) == []


def test_a_link_is_a_version_of_another_artifact_that_tells_its_source(catalog: Catalog) -> None:
    log(catalog, contents="cat", type="model", description="a cat", tags=["big cat"], metadata=b'{"a":1}')
    linked, created = catalog.link(ref("animals:latest"), "zoo", WHO, aliases=["best"])
    assert created
    assert (linked.index, linked.tree, linked.source) == (0, tree("cat"), "animals:v0")
    assert (linked.description, linked.tags, linked.metadata) == ("a cat", ("big cat",), b'{"a":1}')
    assert aliases(catalog, "zoo") == {"best": 0, "latest": 0}


def test_what_runs_open_of_links_is_a_use_of_their_source(catalog: Catalog) -> None:
    source = log(catalog, "animals").version
    run = catalog.start_run(NewRun(), WHO).id
    zoo, park = (catalog.link(ref("animals"), name, WHO).version for name in ("zoo", "park"))
    uses = [VersionUse(one.artifact, one.index, 7, number) for number, one in enumerate((zoo, park, source), 1)]
    catalog.use_versions(run, uses[:2], WHO)
    catalog.use_versions(run, uses, WHO)
    with catalog.view() as view:
        (edge,) = view.edges_of_run(run, EdgeKind.USED)
        assert (edge.artifact, edge.index, edge.entries) == (source.artifact, source.index, 3)
        assert view.edges_of_version(park, EdgeKind.USED) == [edge]


def test_a_link_into_an_artifact_of_another_type_is_refused(catalog: Catalog) -> None:
    log(catalog, "animals", type="dataset")
    log(catalog, "net", type="model")
    with pytest.raises(TypeMismatchError):
        catalog.link(ref("animals"), "net", WHO)
    with pytest.raises(InvalidInputError, match="alias instead"):
        catalog.link(ref("animals"), "animals", WHO)


def test_a_restored_version_has_all_of_the_earlier_one_but_its_aliases(catalog: Catalog) -> None:
    log(catalog, contents="cat", description="a cat", tags=["big cat"], metadata=b'{"a":1}', ttl_ns=5, aliases=["best"])
    log(catalog, contents="dog")
    made = catalog.restore(ref("animals:best"), WHO)
    assert (made.index, made.tree, made.source, made.ttl_ns) == (2, tree("cat"), "animals:v0", 5)
    assert (made.description, made.tags, made.metadata) == ("a cat", ("big cat",), b'{"a":1}')
    assert aliases(catalog, "animals") == {"best": 0, "latest": 2}
    again = catalog.restore(ref("animals:v1"), WHO, description="the dog", aliases=["best"])
    assert (again.index, again.tree, again.description) == (3, tree("dog"), "the dog")
    assert aliases(catalog, "animals") == {"best": 3, "latest": 3}
    with pytest.raises(ConflictError, match="newest"):
        catalog.restore(ref("animals:v3"), WHO)
    with pytest.raises(NotFoundError):
        catalog.restore(ref("animals:v7"), WHO)


def test_an_edit_changes_what_it_names_and_nothing_else(catalog: Catalog) -> None:
    log(catalog, description="old", tags=["a"], metadata=b'{"x":1}', ttl_ns=5)
    edited = catalog.edit_version(ref("animals"), VersionEdit(description="new", ttl_ns=None), WHO)
    assert (edited.description, edited.tags, edited.metadata, edited.ttl_ns) == ("new", ("a",), b'{"x":1}', None)
    edited = catalog.edit_version(ref("animals"), VersionEdit(tags=["b", "a", "b"], metadata=b'{"x":2}', ttl_ns=9), WHO)
    assert (edited.description, edited.tags, edited.metadata, edited.ttl_ns) == ("new", ("b", "a"), b'{"x":2}', 9)


def test_an_edit_may_build_upon_what_is_there(catalog: Catalog) -> None:
    log(catalog, tags=["a"])
    catalog.edit_version(ref("animals"), lambda version: VersionEdit(tags=[*version.tags, "b"]), WHO)
    with catalog.view() as view:
        assert view.resolve(ref("animals")).tags == ("a", "b")


def test_an_artifact_can_be_described(catalog: Catalog) -> None:
    log(catalog)
    assert catalog.edit_artifact("animals", WHO, description="of the zoo").description == "of the zoo"


Refused = Callable[[Catalog], object]
REFUSED: dict[str, tuple[type[ArtfsError], Refused]] = {
    "a bad name": (InvalidInputError, lambda c: log(c, "a/b/c")),
    "a bad type": (InvalidInputError, lambda c: log(c, type="a b")),
    "a bad alias": (InvalidInputError, lambda c: log(c, aliases=["v7"])),
    "a bad tag": (InvalidInputError, lambda c: log(c, tags=["a  b"])),
    "metadata that is no object": (InvalidInputError, lambda c: log(c, metadata=b"[]")),
    "metadata that is not canonical": (InvalidInputError, lambda c: log(c, metadata=b'{"a": 1}')),
    "metadata that is no JSON": (InvalidInputError, lambda c: log(c, metadata=b"\xff{")),
    "a time to live of nothing": (InvalidInputError, lambda c: log(c, ttl_ns=0)),
    "a time to live beyond all": (InvalidInputError, lambda c: log(c, ttl_ns=1 << 63)),
    "a description that is no text": (InvalidInputError, lambda c: log(c, description="\ud800")),
    "a description without end": (InvalidInputError, lambda c: log(c, description="x" * ((1 << 20) + 1))),
    "a bad new name": (InvalidInputError, lambda c: c.rename("animals", "..", WHO)),
    "renaming nothing": (NotFoundError, lambda c: c.rename("plants", "trees", WHO)),
    "deleting nothing": (NotFoundError, lambda c: c.delete_artifact("plants", WHO)),
    "deleting no version": (NotFoundError, lambda c: c.delete_version(ref("animals:v9"), WHO)),
    "an alias for nothing": (NotFoundError, lambda c: c.set_alias(ref("animals:v9"), "best", WHO)),
    "removing no alias": (NotFoundError, lambda c: c.remove_alias("animals", "best", WHO)),
    "bringing nothing back": (NotFoundError, lambda c: c.undelete_version("animals", 9, WHO)),
    "describing nothing": (NotFoundError, lambda c: c.edit_artifact("plants", WHO, description="x")),
    "editing nothing": (NotFoundError, lambda c: c.edit_version(ref("animals:best"), VersionEdit(), WHO)),
    "linking nothing": (NotFoundError, lambda c: c.link(ref("plants"), "zoo", WHO)),
}


@pytest.mark.parametrize(("error", "change"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing_behind(catalog: Catalog, error: type[ArtfsError], change: Refused) -> None:
    log(catalog)
    with pytest.raises(error) as caught:
        change(catalog)
    assert "\n" not in str(caught.value)
    assert (indexes(catalog), aliases(catalog)) == ([0], {"latest": 0})
    assert len(list(catalog.history())) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [("plants", "artfs ls"), ("animals:v3", "artfs log animals"), ("animals:best", "artfs alias ls animals")],
)
def test_a_reference_to_nothing_says_how_to_find_what_is_there(catalog: Catalog, text: str, says: str) -> None:
    log(catalog)
    with catalog.view() as view, pytest.raises(NotFoundError, match=says):
        view.resolve(ref(text))


def test_the_history_tells_who_did_what_and_what_it_replaced(catalog: Catalog) -> None:
    log(catalog, description="old")
    log(catalog)
    catalog.edit_version(VersionRef(ref("animals").name, 0), VersionEdit(description="new"), WHO)
    records = list(catalog.history())
    assert [record.seq for record in records] == [1, 2, 3]
    assert {(r.entry.user, r.entry.host, r.entry.pid, r.entry.run) for r in records} == {("ann", "lab", 4711, None)}
    (edit,) = (op for op in records[2].entry.ops if isinstance(op, VersionEdited))
    assert (edit.previous.description, edit.fields.description) == ("old", "new")
    (moved,) = (op for op in records[1].entry.ops if isinstance(op, AliasSet))
    assert (moved.previous, moved.index) == (0, 1)
    assert [record.seq for record in catalog.history(after_seq=2)] == [3]
