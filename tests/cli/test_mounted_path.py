"""A path in a mount is the reference that it looks like, wherever a command takes one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def art(stored: Commands, staging: Path, places: tuple[Path, Path], images: Path) -> Path:
    """Where `animals:v0` and `animals:v1`, of which only that has `more`, are mounted."""
    del staging
    (images / "more").write_text("more")
    stored.done("put", images, "-n", "animals")
    return places[0]


def test_every_command_that_takes_a_reference_takes_its_path_in_a_mount(stored: Commands, art: Path) -> None:
    v0 = art / "animals" / "v0"
    assert stored.done("show", v0, "--json").json["ref"] == "animals:v0"
    assert stored.done("show", art / "animals", "--json").json["ref"] == "animals:v1"
    assert stored.done("show", art / "animals/best", "--json").json["ref"] == "animals:v0"
    assert stored.done("cat", v0 / "labels.csv").out == b"tom,cat\n"
    assert stored.done("ls", v0 / "cats").lines == ["tom.png"]
    assert stored.done("diff", v0, art / "animals/v1", "--json").json["old"] == "animals:v0"
    assert stored.done("log", art / "animals", "--json").json == stored.done("log", "animals", "--json").json
    assert stored.done("du", v0, "--json").json == stored.done("du", "animals:v0", "--json").json
    assert stored.done("tag", "ls", v0).lines == []


@pytest.mark.parametrize("where", ["in a version", "in an artifact", "in the mount", "above", "by a symlink"])
def test_a_relative_path_means_what_it_means_where_one_is(
    stored: Commands, art: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    (tmp_path / "pictures").symlink_to(art)
    place, word = {
        "in a version": (art / "animals/v0", "cats/tom.png"),
        "in an artifact": (art / "animals", "v0/cats/tom.png"),
        "in the mount": (art, "animals/v0/cats/tom.png"),
        "above": (art.parent, f"{art.name}/animals/v0/cats/tom.png"),
        "by a symlink": (tmp_path, "pictures/animals/v0/cats/tom.png"),
    }[where]
    monkeypatch.chdir(place)
    assert stored.done("lineage", word).lines[0] == "animals:v0"
    assert stored.done("cat", word).out == bytes(range(256)) * 20
    assert stored.done("show", "animals:v1", "--json").json["ref"] == "animals:v1"
    assert stored.done("cat", "animals/more").out == b"more"


def test_a_bare_word_is_a_path_where_it_names_something_in_the_version_that_one_is_in(
    stored: Commands, art: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(art / "animals/v0")
    assert stored.done("lineage", "labels.csv").lines[0] == "animals:v0"
    assert stored.done("show", ".", "--json").json["ref"] == "animals:v0"
    assert stored.done("show", "animals", "--json").json["ref"] == "animals:v1"


def test_a_file_of_a_version_is_not_taken_for_the_version_where_that_would_be_changed(
    stored: Commands, art: Path
) -> None:
    file = art / "animals" / "v0" / "labels.csv"
    assert "write `artfs rm animals:v0`" in stored("rm", file).failed(2)
    assert "write `artfs restore animals:v0 --path labels.csv`" in stored("restore", file).failed(2)
    assert stored.done("get", file, "out.csv").text == "out.csv"
    assert len(stored.done("log", "animals", "--json").json) == 2


def test_a_path_in_a_mount_of_another_store_leads_to_that_store(
    stored: Commands, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    stored.done("--store", other, "init")
    monkeypatch.setenv("ARTFS_STORE", str(other))
    assert stored.done("show", art / "animals", "--json").json["ref"] == "animals:v1"
    refused = stored("--store", other, "show", art / "animals").failed(2)
    assert (str(stored.store) in refused, str(other) in refused) == (True, True)


def test_other_paths_stay_what_they_are(stored: Commands, art: Path, images: Path, staging: Path) -> None:
    stored.done("stage", "animals")
    for directory in (images, staging / "animals"):
        assert stored.done("diff", directory, "animals", "--json").json["old"] == str(directory)
    assert stored.done("diff", art / "animals/v0/cats", "animals", "--json").json["old"] == str(art / "animals/v0/cats")
    for path in (images, art, os.curdir):
        assert "artifact name" in stored("show", str(path)).failed(2)
