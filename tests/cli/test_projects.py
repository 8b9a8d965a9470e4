"""Projects on the command line: names with a project, `--project`, `$ARTFS_PROJECT`, and paths in a mount."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def projects(artfs: Commands, images: Path) -> Commands:
    """`animals`, and `animals` and `plants` of the project `zoo`."""
    for name in ("animals", "zoo/animals", "zoo/plants"):
        artfs.done("put", images, "-n", name)
    return artfs


def test_a_name_without_a_project_means_that_of_the_option_or_of_the_environment(
    projects: Commands, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (images / "more").write_text("more")
    assert projects.done("put", images, "-n", "animals", "--project", "zoo").text == "zoo/animals:v1"
    assert projects.done("--project", "zoo", "show", "animals", "--json").json["ref"] == "zoo/animals:v1"
    assert projects.done("show", "team/zoo/animals:v0", "--json").json["ref"] == "zoo/animals:v0"
    monkeypatch.setenv("ARTFS_PROJECT", "zoo")
    assert projects.done("show", "plants", "--json").json["ref"] == "zoo/plants:v0"
    assert projects.done("show", "/animals", "--json").json["ref"] == "animals:v0"
    assert projects.done("show", "animals", "--json", "--project", "zoo").json["ref"] == "zoo/animals:v1"


def test_a_name_of_another_project_is_not_found_and_the_line_says_where_it_is(projects: Commands) -> None:
    assert "did you mean zoo/plants?" in projects("show", "plants").failed(3)
    assert "did you mean zoo/plants?" in projects("show", "plants", "--project", "lab").failed(3)


def test_a_name_that_is_a_project_is_refused_and_so_is_a_project_that_is_an_artifact(
    projects: Commands, images: Path
) -> None:
    assert "zoo is a project, with the artifact zoo/animals in it" in projects("put", images, "-n", "zoo").failed(4)
    assert "animals is an artifact" in projects("put", images, "-n", "animals/cats").failed(4)
    assert "animals is an artifact" in projects("rename", "zoo/plants", "animals/plants").failed(4)


def test_paths_behind_names_with_and_without_a_project_are_read(projects: Commands) -> None:
    plain = projects.done("ls", "-R", "animals").text
    assert plain
    assert projects.done("ls", "-R", "zoo/animals").text == plain
    assert projects.done("ls", "-R", "animals", "--project", "zoo").text == plain
    assert projects.done("ls", "-R", "/animals", "--project", "zoo").text == plain
    cats = projects.done("ls", "animals/cats").text
    for named in ("zoo/animals/cats", "zoo/animals:v0/cats", "team/zoo/animals:latest/cats"):
        assert projects.done("ls", named).text == cats
    assert projects.done("tree", "zoo/plants/cats").text.startswith("zoo/plants:v0/cats")


def test_an_artifact_is_renamed_into_a_project(projects: Commands) -> None:
    projects.done("rename", "animals", "lab/animals")
    names = [one["name"] for one in projects.done("ls", "--json").json]
    assert names == ["lab/animals", "zoo/animals", "zoo/plants"]


def test_a_mount_shows_a_project_as_a_directory_and_its_paths_are_references(
    projects: Commands, places: tuple[Path, Path]
) -> None:
    art = places[0]
    assert projects.process("mount", art).code == 0
    assert sorted(os.listdir(art)) == ["animals", "zoo"]
    assert sorted(os.listdir(art / "zoo")) == ["animals", "plants"]
    assert os.readlink(art / "zoo" / "plants" / "latest") == "v0"
    assert os.listdir(art / "zoo" / "animals" / "v0") == os.listdir(art / "animals" / "v0")
    shown = projects.done("show", art / "zoo" / "plants" / "v0", "--json", "--project", "lab").json
    assert shown["ref"] == "zoo/plants:v0"
    assert projects.done("ls", art / "zoo" / "plants" / "v0" / "cats").text == projects.done("ls", "animals/cats").text
