"""Finding artifacts, versions and runs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from artfs.api.artifact.artifact import Artifact
from artfs.api.init import init
from artfs.api.public import Api
from artfs.errors import InvalidInputError, NotFoundError, StoreNotFoundError


def log(place: Path, name: str, type_: str = "dataset", tags: tuple[str, ...] = ()) -> Artifact:
    artifact = Artifact(name, type_, store=place)
    with artifact.new_file("x") as file:
        file.write(name)
    with init(store=place) as run:
        return run.log_artifact(artifact, tags=tags)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with three versions of a dataset, and a model."""
    place = tmp_path / "store"
    log(place, "animals", tags=("clean",))
    log(place, "animals")
    log(place, "animals", tags=("clean", "small"))
    log(place, "net", "model")
    return place


def names(artifacts: list[Artifact]) -> list[str]:
    return [artifact.name for artifact in artifacts]


def test_api_looks_into_a_store_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError):
        Api(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_api_without_a_store_takes_the_default_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTFS_STORE", str(place))
    assert Api().artifact("net").name == "net:v0"


def test_artifact_finds_a_version_by_version_or_alias(place: Path) -> None:
    api = Api(place)
    found = [api.artifact(ref).name for ref in ("animals", "animals:v0", "animals:latest")]
    assert found == ["animals:v2", "animals:v0", "animals:v2"]
    assert api.artifact("net", type="model").open("x").read() == b"net"


def test_artifact_that_is_not_there_is_not_found(place: Path) -> None:
    api = Api(place)
    for ref, type_ in (("plants", None), ("animals:v9", None), ("animals:best", None), ("animals", "model")):
        with pytest.raises(NotFoundError):
            api.artifact(ref, type_)
        assert not api.artifact_exists(ref, type_)
    assert api.artifact_exists("animals:v1", "dataset")
    with pytest.raises(InvalidInputError):
        api.artifact_exists("a/b/c/d")


def test_artifacts_lists_the_versions_in_either_order(place: Path) -> None:
    api = Api(place)
    newest_first = ["animals:v2", "animals:v1", "animals:v0"]
    assert names(api.artifacts("animals")) == names(api.artifacts("animals", order="-")) == newest_first
    assert names(api.artifacts("animals", order="-version_index")) == newest_first
    assert names(api.artifacts("animals", order="+version_index")) == newest_first[::-1]
    with pytest.raises(InvalidInputError, match="order"):
        api.artifacts("animals", order="size")


def test_artifacts_lists_versions_that_have_all_the_tags(place: Path) -> None:
    api = Api(place)
    assert names(api.artifacts("animals", tags="clean")) == ["animals:v2", "animals:v0"]
    assert names(api.artifacts("animals", tags=["small", "clean"])) == ["animals:v2"]
    assert names(api.artifacts("animals", tags=["other"])) == []
    with pytest.raises(InvalidInputError):
        api.artifacts("animals", tags="two  spaces")


def test_artifacts_of_another_type_or_name_are_not_found(place: Path) -> None:
    api = Api(place)
    assert len(api.artifacts("dataset", "animals")) == 3
    with pytest.raises(NotFoundError):
        api.artifacts("model", "animals")
    with pytest.raises(NotFoundError):
        api.artifacts("plants")


def test_types_and_collections_tell_what_there_is(place: Path) -> None:
    api = Api(place)
    assert [found.name for found in api.artifact_types()] == ["dataset", "model"]
    (animals,) = api.artifact_collections("dataset")
    assert (animals.name, animals.type, animals.aliases) == ("animals", "dataset", ("latest",))
    assert names(animals.artifacts()) == ["animals:v2", "animals:v1", "animals:v0"]
    assert [found.name for found in api.artifact_types()[1].collections()] == ["net"]
    assert api.artifact_collections("report") == []


def test_runs_are_listed_by_their_start(place: Path) -> None:
    api = Api(place)
    ids = [run.id for run in api.runs()]
    assert len(ids) == 4
    assert [run.id for run in api.runs("-created_at")] == ids[::-1]
    assert [names(run.logged_artifacts()) for run in api.runs()][3] == ["net:v0"]
    with pytest.raises(InvalidInputError, match="order"):
        api.runs(order="name")


def test_run_finds_one_by_its_id(place: Path) -> None:
    api = Api(place)
    run = api.runs()[0]
    assert api.run(run.id).name == run.name
    with pytest.raises(NotFoundError):
        api.run("zzzzzzzz")
    with pytest.raises(InvalidInputError):
        api.run("../../..")


def _calls(place: Path) -> int:
    """How many functions are called to find the latest version, in a process that has found it before."""
    Api(place).artifact("animals:latest")
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        Api(place).artifact("animals:latest")
    finally:
        sys.setprofile(None)
    return calls


def test_finding_a_version_takes_as_much_work_however_many_there_are(place: Path) -> None:
    few = _calls(place)
    for _ in range(100):
        artifact = Artifact("animals", store=place)
        artifact.save()
        Artifact(f"other{artifact.version}", store=place).save()
    assert abs(_calls(place) - few) < 50  # one more for each version would be at least 100
