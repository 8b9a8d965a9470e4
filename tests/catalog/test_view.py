"""A view tells the catalog as one transaction sees it, and finds the same things by name, by serial and by listing."""

from __future__ import annotations

import pytest

from artfs.catalog import AliasRow, Artifact, Catalog, Version
from artfs.errors import NotFoundError, StoreError
from tests.support.data.catalogs import WHO, log, ref, tree


def test_a_view_does_not_change_while_it_is_open_and_the_next_one_is_up_to_date(catalog: Catalog) -> None:
    log(catalog)
    with catalog.view() as view:
        before = view.resolve(ref("animals"))
        log(catalog)
        assert view.resolve(ref("animals")) == before
        with catalog.view() as later:
            assert later.resolve(ref("animals")).index == 1


def test_a_view_is_of_no_use_when_it_is_over(catalog: Catalog) -> None:
    log(catalog)
    with catalog.view() as view:
        versions = view.versions(16)
        next(versions)
    with pytest.raises(StoreError), catalog.view():
        next(versions)


def test_artifacts_are_sorted_by_name_and_as_children_by_serial(catalog: Catalog) -> None:
    for name in ("zebra", "ant", "mole"):
        log(catalog, name)
    with catalog.view() as view:
        assert [artifact.name for artifact in view.artifacts()] == ["ant", "mole", "zebra"]
        assert [m.name for m in view.children(0) if isinstance(m, Artifact)] == ["zebra", "ant", "mole"]


def test_a_listing_goes_on_after_any_member_also_one_that_is_gone(catalog: Catalog) -> None:
    for number in range(4):
        log(catalog, aliases=[f"alias {number}"])
    with catalog.view() as view:
        (artifact,) = view.artifacts()
        members = list(view.children(artifact.serial))
        serials = [member.serial for member in members]
        assert serials == sorted(serials)
        assert len(members) == 4 + 4 + 1
        for position, serial in enumerate(serials):
            assert list(view.children(artifact.serial, serial)) == members[position + 1 :]
    catalog.delete_version(ref("animals:v1"), WHO, delete_aliases=True)
    with catalog.view() as view:
        rest = [member.serial for member in view.children(artifact.serial, serials[0])]
        gone = {m.serial for m in members if m.name in ("v1", "alias 1")}
        assert rest == [serial for serial in serials[1:] if serial not in gone]
        assert [m.serial for m in view.children(artifact.serial, min(gone))] == [s for s in rest if s > min(gone)]


def test_a_listing_is_of_one_directory_alone(catalog: Catalog) -> None:
    first = log(catalog, "animals").version
    second = log(catalog, "plants").version
    with catalog.view() as view:
        assert first in list(view.children(first.artifact))
        assert second not in list(view.children(first.artifact))
        assert list(view.children(first.serial)) == []


def test_serials_lead_to_what_bears_them_deleted_versions_and_artifacts_too(catalog: Catalog) -> None:
    version = log(catalog, aliases=["best"]).version
    with catalog.view() as view:
        alias = view.alias(version.artifact, "best")
        assert alias is not None
        assert isinstance(view.by_serial(version.artifact), Artifact)
        assert view.by_serial(version.serial) == version
        assert view.by_serial(alias.serial) == alias == AliasRow(alias.serial, version.artifact, "best", 0)
        assert view.by_serial(0) is view.by_serial(10_000) is None
    catalog.delete_artifact("animals", WHO, delete_aliases=True)
    with catalog.view() as view:
        gone = view.by_serial(version.serial)
        assert isinstance(gone, Version)
        assert (gone.deleted, gone.tree) == (True, tree("cat"))
        artifact = view.by_serial(version.artifact)
        assert isinstance(artifact, Artifact)
        assert artifact.deleted
        assert view.by_serial(alias.serial) is None
        assert str(view.ref(gone)) == "animals:v0"


def test_versions_are_listed_from_either_end_and_deleted_ones_only_when_asked_for(catalog: Catalog) -> None:
    for number in range(5):
        log(catalog, "animals", str(number))
        log(catalog, "beasts", str(number))
    catalog.delete_version(ref("animals:v3"), WHO)
    with catalog.view() as view:
        artifact = view.artifact_by_name("animals")
        assert artifact is not None
        assert [v.index for v in view.versions(artifact.serial)] == [0, 1, 2, 4]
        assert [v.index for v in view.versions(artifact.serial, newest_first=True)] == [4, 2, 1, 0]
        assert [v.index for v in view.versions(artifact.serial, newest_first=True, deleted=True)] == [4, 3, 2, 1, 0]
        assert view.version(artifact.serial, 3) is None
        deleted = view.version(artifact.serial, 3, deleted=True)
        assert deleted is not None
        assert deleted.deleted
        assert view.version(artifact.serial, 9, deleted=True) is None


def test_a_version_knows_its_aliases(catalog: Catalog) -> None:
    log(catalog, aliases=["b", "a"])
    newest = log(catalog, aliases=["c"]).version
    with catalog.view() as view:
        assert view.aliases_of(view.resolve(ref("animals:v0"))) == ["a", "b"]
        assert view.aliases_of(newest) == ["c", "latest"]
        assert view.latest(newest.artifact) == newest
        assert view.latest(10_000) is None


def test_an_artifact_whose_versions_are_all_deleted_is_still_there(catalog: Catalog) -> None:
    log(catalog)
    catalog.delete_version(ref("animals"), WHO)
    with catalog.view() as view:
        (artifact,) = view.artifacts()
        assert view.latest(artifact.serial) is None
        with pytest.raises(NotFoundError):
            view.resolve(ref("animals"))
