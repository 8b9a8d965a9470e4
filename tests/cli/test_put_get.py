"""`init`, `put` and `get`: in and out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.commands import Commands, store_state
from tests.support.trees import make_odd_tree, snapshot


def test_init_makes_a_store_and_leaves_one_that_is_there_as_it_is(artfs: Commands) -> None:
    made = artfs.done("init", "--json").json
    assert made == {"store": str(artfs.store), "id": made["id"], "created": True}
    before = store_state(artfs.store)
    assert artfs.done("init", "--json").json == {**made, "created": False}
    assert store_state(artfs.store) == before


def test_init_takes_the_store_as_an_argument_too(artfs: Commands, tmp_path: Path) -> None:
    assert artfs.done("init", tmp_path / "other").text == f"made a store in {tmp_path / 'other'}"
    assert artfs.done("--store", tmp_path / "other", "ls").lines[0].startswith("NAME")
    assert not artfs.store.exists()


def test_the_store_is_the_option_before_or_after_the_command_else_the_environments_else_the_users(
    artfs: Commands, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("before", "after", "variable", "xdg", "home"):
        artfs.done("--store", tmp_path / name, "put", images, "-n", name)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    (tmp_path / "nobody/.local/share").mkdir(parents=True)
    (tmp_path / "home").rename(tmp_path / "nobody/.local/share/artfs")
    (tmp_path / "data").mkdir()
    (tmp_path / "xdg").rename(tmp_path / "data/artfs")

    def listed(*arguments: str | Path) -> str:
        return str(artfs.done(*arguments, "--json").json[0]["name"])

    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "variable"))
    assert listed("--store", tmp_path / "before", "ls") == "before"
    assert listed("ls", "--store", tmp_path / "after") == "after"
    assert listed("ls") == "variable"
    monkeypatch.setenv("ARTFS_STORE", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert listed("ls") == "xdg"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert listed("ls") == "home"


def test_put_prints_the_version_and_makes_the_store_on_first_use(artfs: Commands, images: Path) -> None:
    assert artfs.done("put", images, "-n", "animals").text == "animals:v0"
    assert artfs.done("put", images, "-n", "animals").text == "animals:v1"


def test_put_takes_everything_that_can_be_said_of_a_version(artfs: Commands, images: Path) -> None:
    artfs.done(
        *("put", images, "-n", "animals", "-t", "photos", "-a", "best", "-a", "día", "-m", "all of them"),
        *("--meta", "lr=0.01", "--meta", 'split={"test": [1, null]}', "--meta", "note=as=it is", "--meta", "x=NaN"),
        *("--tag", "clean", "--tag", "two words", "--ttl", "1d12h"),
    )
    shown = artfs.done("show", "animals", "--json").json
    assert {key: shown[key] for key in ("ref", "type", "aliases", "description", "tags", "ttl_seconds")} == {
        "ref": "animals:v0",
        "type": "photos",
        "aliases": ["best", "día", "latest"],
        "description": "all of them",
        "tags": ["clean", "two words"],
        "ttl_seconds": 36 * 3600,
    }
    assert shown["metadata"] == {"lr": 0.01, "split": {"test": [1, None]}, "note": "as=it is", "x": "NaN"}


def test_put_if_changed_gives_the_version_that_has_these_contents(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    again = artfs.done("put", images, "-n", "animals", "--if-changed", "--json").json
    assert (again["ref"], again["logged"]) == ("animals:v0", False)
    (images / "labels.csv").write_text("tom,dog\n")
    changed = artfs.done("put", images, "-n", "animals", "--if-changed", "--json").json
    assert (changed["ref"], changed["logged"]) == ("animals:v1", True)


def test_several_paths_go_in_under_their_names(artfs: Commands, images: Path) -> None:
    artfs.done("put", images / "cats", images / "labels.csv", "-n", "animals")
    assert artfs.done("ls", "-R", "animals").lines == ["cats/", "cats/tom.png", "labels.csv"]


def test_get_writes_a_tree_of_odd_entries_out_exactly(artfs: Commands, tmp_path: Path) -> None:
    make_odd_tree(tmp_path / "odd")
    artfs.done("put", tmp_path / "odd", "-n", "odd")
    assert artfs.done("get", "odd").text == "artifacts/odd:v0"
    assert snapshot(Path("artifacts/odd:v0")) == snapshot(tmp_path / "odd")


def test_get_goes_on_where_it_was_and_leaves_other_files_alone(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    first = artfs.done("get", "animals", "out", "--json").json
    assert first == {"ref": "animals:v0", "path": "out", "files": 3, "bytes": first["bytes"], "kept": 0}
    Path("out/mine").write_text("mine")
    Path("out/labels.csv").write_text("damaged!")
    again = artfs.done("get", "animals:v0", "out", "--json").json
    assert (again["files"], again["kept"]) == (1, 2)
    assert Path("out/labels.csv").read_text() == "tom,cat\n"
    assert Path("out/mine").read_text() == "mine"


def test_get_writes_a_part_out(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    assert artfs.done("get", "animals", "cats", "--path", "cats/").text == "cats"
    assert os.listdir("cats") == ["tom.png"]
    assert artfs.done("get", "animals", "--path", "cats/tom.png").text == "artifacts/animals:v0/cats/tom.png"
    assert artfs.done("get", "animals", "here.png", "--path", "cats/tom.png").text == "here.png"
    assert artfs.done("get", "animals", "cats", "--path", "labels.csv").text == "cats/labels.csv"
    for written in ("artifacts/animals:v0/cats/tom.png", "here.png"):
        assert Path(written).read_bytes() == (images / "cats/tom.png").read_bytes()


def test_get_refuses_a_link_that_leads_outside_unless_it_is_asked_for(artfs: Commands, images: Path) -> None:
    (images / "secret").symlink_to("/etc/passwd")
    artfs.done("put", images, "-n", "animals")
    assert "--allow-escaping-links" in artfs("get", "animals", "out").failed(10)
    assert not Path("out").exists() or not os.listdir("out")
    artfs.done("get", "animals", "out", "--allow-escaping-links")
    assert os.readlink("out/secret") == "/etc/passwd"
