"""A version that is logged again: by another run, under other names, from another store."""

from __future__ import annotations

from pathlib import Path

import pytest

import artfs
from artfs.api.store_pool import shared_store
from artfs.catalog import EdgeKind, current_actor
from artfs.errors import InvalidInputError, NotFoundError
from artfs.names import parse_ref


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the store of the test is made; the default one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def unlogged(text: str = "tom,cat\n") -> artfs.Artifact:
    artifact = artfs.Artifact("animals")
    with artifact.new_file("labels.csv") as file:
        file.write(text)
    return artifact


def producers(place: Path, version: str = "animals:v0") -> list[str]:
    """The runs that logged a version, as lineage has them."""
    with shared_store(place).catalog.view() as view:
        found = view.edges_of_version(view.resolve(parse_ref(version)), EdgeKind.LOGGED)
        return [edge.run for edge in found]


def names(found: list[artfs.Artifact]) -> list[str]:
    return [artifact.name for artifact in found]


def test_an_artifact_that_another_run_logs_again_is_an_output_of_both(place: Path) -> None:
    """Neither of them is refused.

    S71: A version that is there and that a run logs again is an output of that run too, besides the one that logged
    it first
    """
    with artfs.init() as first:
        artifact = first.log_artifact(unlogged())
    with artfs.init() as second:
        assert second.log_artifact(artifact) is artifact
    assert artifact.name == "animals:v0"
    assert names(first.logged_artifacts()) == names(second.logged_artifacts()) == ["animals:v0"]
    assert producers(place) == [first.id, second.id]
    maker = artifact.logged_by()
    assert maker is not None
    assert maker.id == first.id


def test_a_version_that_a_run_found_is_its_output_once_it_logs_it(place: Path) -> None:
    unlogged().save()
    with artfs.init() as run:
        found = run.log_artifact(artfs.Api().artifact("animals:v0"), aliases="checked", tags=["clean"])
    assert (found.aliases, found.tags, found.logged_by()) == (["checked", "latest"], ["clean"], None)
    assert producers(place) == [run.id]


def test_what_a_run_logs_twice_is_its_output_once(place: Path) -> None:
    with artfs.init() as run:
        artifact = run.log_artifact(unlogged())
        run.log_artifact(artifact)
        run.log_artifact(artfs.Api().artifact("animals:v0"), aliases=["again"])
    assert producers(place) == [run.id]
    assert artfs.Api().artifact("animals:again").name == "animals:v0"


def test_an_older_version_that_is_logged_again_stays_what_it_is() -> None:
    with artfs.init() as run:
        old = run.log_artifact(unlogged("old"))
        run.log_artifact(unlogged("new"))
        old.metadata["accuracy"] = 0.5
        run.log_artifact(old, aliases=["best", "latest"])
    assert (old.name, old.aliases) == ("animals:v0", ["best"])
    assert artfs.Api().artifact("animals:v0").metadata == {"accuracy": 0.5}
    assert artfs.Api().artifact("animals").name == "animals:v1"


def test_ancestors_go_through_every_run_that_logged_a_version() -> None:
    for name in ("cats", "dogs"):
        artfs.Artifact(name).save()
    artifact = unlogged()
    for name in ("cats", "dogs"):
        with artfs.init() as run:
            run.use_artifact(name)
            run.log_artifact(artifact)
    assert sorted(names(artifact.ancestors())) == ["cats:v0", "dogs:v0"]


def test_a_version_that_is_gone_or_elsewhere_is_not_logged_again(tmp_path: Path) -> None:
    with artfs.init() as run:
        artifact = run.log_artifact(unlogged())
    with artfs.init(store=tmp_path / "other") as elsewhere, pytest.raises(InvalidInputError, match="another store"):
        elsewhere.log_artifact(artifact)
    artifact.delete()
    with artfs.init() as late, pytest.raises(NotFoundError, match="animals:v0"):
        late.log_artifact(artifact)
    assert (late.logged_artifacts(), elsewhere.logged_artifacts()) == ([], [])


def test_equal_contents_are_an_output_of_both_runs_if_changed_is_asked(place: Path) -> None:
    with artfs.init() as first:
        first.log_artifact(unlogged())
    with artfs.init() as second:
        assert second.log_artifact(unlogged(), if_changed=True).name == "animals:v0"
        assert second.log_artifact(unlogged("other"), if_changed=True).name == "animals:v1"
    assert producers(place) == [first.id, second.id]
    assert producers(place, "animals:v1") == [second.id]


def test_a_renamed_artifact_is_logged_again_under_its_name(place: Path) -> None:
    with artfs.init() as first:
        artifact = first.log_artifact(unlogged())
    shared_store(place).catalog.rename("animals", "beasts", current_actor())
    with artfs.init() as second:
        assert second.log_artifact(artifact).name == "beasts:v0"
    assert producers(place, "beasts:v0") == [first.id, second.id]
