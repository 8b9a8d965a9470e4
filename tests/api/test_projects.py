"""Projects in Python: names without one are the run's, and none slips into another project."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest

import artfs
from artfs.api.store_pool import shared_store
from artfs.errors import InvalidInputError, NotFoundError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    for name in ("a.txt", "b.txt"):
        Path(name).write_text(name)
    return tmp_path


def in_the_catalog() -> list[str]:
    with shared_store("store").catalog.view() as view:
        return sorted(artifact.name for artifact in view.artifacts())


def made(name: str, path: str = "a.txt") -> artfs.Artifact:
    artifact = artfs.Artifact(name)
    artifact.add_file(path)
    return artifact


def test_bare_names_in_a_run_mean_its_project_in_every_method_that_takes_one() -> None:
    with artfs.init(project="zoo", entity="team", group="g") as run:
        logged = run.log_artifact(made("animals"))
        run.log_artifact("a.txt", name="files")
        run.upsert_artifact(made("shared"))
        run.finish_artifact(made("shared", "b.txt"))
        model = run.log_model("a.txt", "net")
        run.link_artifact(model, "best")
        run.link_model("a.txt", "chosen", "other")
        logged.link("linked")
        made("saved").save()
        run.use_artifact(made("used"))
        assert run.use_artifact("animals:v0").project == "zoo"
        assert run.use_artifact("team/zoo/animals").version == "v0"
        assert Path(run.use_model("net")).read_text() == "a.txt"
        assert artfs.Api().artifact("animals").project == "zoo"
        assert logged.new_draft().full_name == "zoo/animals"
        run.log_artifact(made("/common"))
        run.log_artifact(made("lab/plants"))
    inside = {"animals", "best", "chosen", "files", "linked", "net", "other", "saved", "shared", "used"}
    assert in_the_catalog() == sorted({f"zoo/{name}" for name in inside} | {"common", "lab/plants"})


def test_an_artifact_has_wandbs_names() -> None:
    with artfs.init(project="zoo", entity="team") as run:
        logged = run.log_artifact(made("animals"))
        linked = logged.link("lab/copies")
        free = run.log_artifact(made("/free"))
        path = run.path
    assert path == f"team/zoo/{run.id}"
    assert (logged.name, logged.base_name, logged.project, logged.entity) == ("animals:v0", "animals", "zoo", "team")
    assert logged.qualified_name == "team/zoo/animals:v0"
    assert (linked.qualified_name.rpartition("team/")[2], linked.source_name) == ("lab/copies:v0", "animals:v0")
    assert linked.source_qualified_name.endswith("zoo/animals:v0")
    assert (free.project, free.name, free.qualified_name) == (None, "free:v0", "free:v0")
    for same in (artfs.Api().artifact(logged.qualified_name), copy.copy(logged)):
        assert (same.id, same.qualified_name) == (logged.id, logged.qualified_name)


def test_equal_names_of_two_projects_are_two_artifacts_with_downloads_of_their_own() -> None:
    places = []
    for project, path in (("zoo", "a.txt"), ("lab", "b.txt")):
        with artfs.init(project=project) as run:
            logged = run.log_artifact(made("animals", path))
            assert logged.version == "v0"
            places.append(logged.download())
    assert places[0] != places[1]
    assert [[file.name for file in Path(one).iterdir()] for one in places] == [["a.txt"], ["b.txt"]]


def test_a_name_that_is_not_in_the_runs_project_is_not_found_and_the_line_says_where_it_is() -> None:
    made("free").save()
    made("animals").save(project="zoo")
    with artfs.init(project="lab") as run:
        with pytest.raises(NotFoundError, match="zoo/animals"):
            run.use_artifact("animals")
        with pytest.raises(NotFoundError, match="/free"):
            run.use_artifact("free")
        assert run.use_artifact("/free").project is None
        assert not artfs.Api().artifact_exists("animals")


def test_a_draft_is_in_the_project_of_the_run_that_logs_it_and_its_new_draft_stays_there() -> None:
    artifact = made("animals")
    with artfs.init(project="zoo") as run:
        run.log_artifact(artifact)
    made("free").save()
    free = artfs.Api().artifact("free")
    with artfs.init(project="lab") as run:
        for logged in (artifact, free):
            draft = logged.new_draft()
            draft.add_file("b.txt")
            run.log_artifact(draft)
    assert in_the_catalog() == ["free", "zoo/animals"]


def test_the_environment_names_the_project_where_init_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTFS_PROJECT", "zoo")
    made("outside").save()
    with artfs.init() as run:
        assert run.project == "zoo"
        run.log_artifact(made("inside"))
    assert in_the_catalog() == ["zoo/inside", "zoo/outside"]


def test_programs_of_a_run_have_its_project_and_the_run_around_it_has_its_own_again() -> None:
    def put(name: str) -> None:
        subprocess.run([sys.executable, "-m", "artfs.cli", "put", "a.txt", "-n", name], check=True, capture_output=True)

    with artfs.init(project="zoo"):
        with artfs.init(project="lab"):
            put("inner")
        put("outer")
        with artfs.init() as nested:
            assert nested.project == "zoo"
    put("free")
    assert in_the_catalog() == ["free", "lab/inner", "zoo/outer"]


def test_artfs_run_gives_its_project_to_the_program() -> None:
    script = "import artfs; a = artfs.Artifact('d'); a.add_file('a.txt'); a.save(); print(artfs.init().project)"
    line = [sys.executable, "-m", "artfs.cli", "--project", "zoo", "run", "--", sys.executable, "-c", script]
    assert subprocess.run(line, check=True, capture_output=True, text=True).stdout == "zoo\n"
    assert in_the_catalog() == ["zoo/d"]


def test_the_api_finds_in_the_project_that_it_is_told() -> None:
    for project in ("zoo", "lab"):
        with artfs.init(project=project) as run:
            run.log_artifact(made("animals"))
    with artfs.init():
        made("animals").save()
    api, zoo = artfs.Api(), artfs.Api(overrides={"project": "zoo"})
    assert [api.artifact(name).project for name in ("animals", "lab/animals:v0", "e/lab/animals")] == [
        None,
        "lab",
        "lab",
    ]
    assert (zoo.artifact("animals").project, zoo.artifact("/animals").project) == ("zoo", None)
    assert copy.copy(zoo).artifact("animals").project == "zoo"
    assert [one.project for one in api.artifacts("dataset", "lab/animals")] == ["lab"]
    assert api.artifact_collection("dataset", "e/lab/animals").project == "lab"
    found = api.artifact_collections("e/lab", "dataset")
    assert [(one.name, one.project) for one in found] == [("animals", "lab")]
    assert [one.project for one in copy.copy(found[0]).artifacts()] == ["lab"]
    assert {one.project for one in api.artifact_collections("dataset")} == {None, "zoo", "lab"}
    assert [one.artifacts()[0].project for one in zoo.artifact_collections("dataset")] == ["zoo"]
    assert [run.project for run in api.runs("e/lab")] == ["lab"]
    assert api.artifact_types("nothing") == []
    with pytest.raises(NotFoundError, match="other/animals"):
        artfs.Api(overrides={"project": "other"}).artifact("animals")


def test_a_project_that_is_no_name_is_refused_before_there_is_a_run(place: Path) -> None:
    with pytest.raises(InvalidInputError, match="project name 'my zoo'"):
        artfs.init(project="my zoo")
    assert not (place / "store").exists()
