"""`alias`, `edit`, `rename`, `link` and `rm`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from artfs.api.public import Api
from tests.support.commands import Commands, store_state


@pytest.fixture
def stored(artfs: Commands, images: Path) -> Commands:
    """`animals:v0` and `animals:v1`, of which v0 has the alias `best`."""
    artfs.done("put", images, "-n", "animals", "-a", "best", "--meta", "a=1", "--meta", "b=2")
    (images / "new").write_text("new")
    artfs.done("put", images, "-n", "animals")
    return artfs


def test_an_alias_is_given_moved_listed_and_removed(stored: Commands) -> None:
    assert stored.done("alias", "add", "animals:v0", "in use").text == "animals:in use -> v0"
    assert stored.done("alias", "add", "animals", "best", "--json").json == {
        "artifact": "animals",
        "alias": "best",
        "version": "v1",
    }
    assert stored.done("alias", "ls", "animals", "--json").json == [
        {"alias": "best", "version": "v1"},
        {"alias": "in use", "version": "v0"},
        {"alias": "latest", "version": "v1"},
    ]
    assert stored.done("alias", "rm", "animals:best").text == "removed alias animals:best"
    assert stored.done("alias", "ls", "animals").lines == ["ALIAS   VERSION", "in use  v0", "latest  v1"]


def test_latest_is_moved_and_removed_by_the_store_alone(stored: Commands) -> None:
    before = store_state(stored.store)
    stored("alias", "add", "animals:v0", "latest").failed(2)
    stored("alias", "rm", "animals").failed(2)
    assert "NAME" not in stored("alias", "rm", "animals:v0").failed(2)
    assert store_state(stored.store) == before


def test_edit_changes_what_is_named_and_nothing_else(stored: Commands) -> None:
    stored.done("edit", "animals:best", "--description", "seen", "--meta", "b=[2]", "--meta", "c=text", "--ttl", "2w")
    shown = stored.done("show", "animals:v0", "--json").json
    assert (shown["description"], shown["metadata"]) == ("seen", {"a": 1, "b": [2], "c": "text"})
    assert shown["ttl_seconds"] == 14 * 86400
    edited = stored.done("edit", "animals:v0", "--remove-meta", "a", "--ttl", "none", "--json").json
    assert (edited["description"], edited["metadata"]) == ("seen", {"b": [2], "c": "text"})
    assert edited["ttl_seconds"] is None
    assert stored.done("show", "animals:v1", "--json").json["metadata"] == {}


def test_edit_and_objects_that_were_loaded_before_merge_metadata_by_key(stored: Commands) -> None:
    loaded = Api(stored.store).artifact("animals:v0")
    assert stored.process("edit", "animals:v0", "--meta", "c=3", "--remove-meta", "b").code == 0
    loaded.metadata["d"] = 4
    loaded.save()
    assert stored.process("edit", "animals:v0", "--meta", "e=5").code == 0
    assert stored.process("show", "animals:v0", "--json").json["metadata"] == {"a": 1, "c": 3, "d": 4, "e": 5}


def test_edits_by_processes_at_once_lose_no_key(stored: Commands) -> None:
    running = [
        subprocess.Popen(
            stored.line("edit", "animals:v0", "--meta", f"key{number}={number}"), stdout=subprocess.DEVNULL
        )
        for number in range(4)
    ]
    assert [process.wait(60) for process in running] == [0] * 4
    expected = {"a": 1, "b": 2, **{f"key{number}": number for number in range(4)}}
    assert stored.done("show", "animals:v0", "--json").json["metadata"] == expected


def test_edit_gives_the_artifact_a_description(stored: Commands) -> None:
    stored.done("edit", "animals", "--artifact", "--description", "of all kinds")
    assert stored.done("ls", "--json").json[0]["description"] == "of all kinds"
    assert "of all kinds" in stored.done("ls", "-l").text
    stored("edit", "animals:v0", "--artifact", "--description", "x").failed(2)
    stored("edit", "animals", "--artifact", "--ttl", "1d").failed(2)


def test_edit_refuses_to_remove_metadata_that_is_not_there(stored: Commands) -> None:
    before = stored.done("show", "animals:v0", "--json").json
    stored("edit", "animals:v0", "--meta", "x=1", "--remove-meta", "gone").failed(2)
    assert stored.done("show", "animals:v0", "--json").json == before


def test_rename_keeps_versions_and_aliases(stored: Commands) -> None:
    assert stored.done("rename", "animals", "zoo").text == "zoo"
    assert stored.done("show", "zoo:best", "--json").json["ref"] == "zoo:v0"
    stored("ls", "animals").failed(3)


def test_link_makes_the_same_contents_a_version_of_another_name(stored: Commands) -> None:
    assert stored.done("link", "animals:best", "zoo", "-a", "stable").text == "zoo:v0"
    linked = stored.done("show", "zoo:stable", "--json").json
    assert linked["source"] == "animals:v0"
    assert linked["digest"] == stored.done("show", "animals:v0", "--json").json["digest"]


def test_rm_deletes_one_version_and_latest_falls_back(stored: Commands) -> None:
    assert stored.done("rm", "animals:latest").lines[0] == "removed animals:v1"
    assert stored.done("show", "animals", "--json").json["ref"] == "animals:v0"
    assert stored.done("rm", "animals:v0", "--delete-aliases", "--json").json["removed"] == ["animals:v0"]
    assert stored.done("log", "animals", "--json").json == []
    assert stored.done("ls").lines[1].split()[:5] == ["animals", "dataset", "deleted", "0", "-"]


def test_rm_refuses_a_version_that_has_aliases(stored: Commands) -> None:
    before = store_state(stored.store)
    assert "best" in stored("rm", "animals:v0").failed(4)
    assert "best" in stored("rm", "animals:best").failed(4)
    assert store_state(stored.store) == before


def test_rm_all_deletes_the_artifact_and_an_index_never_comes_again(stored: Commands, images: Path) -> None:
    stored("rm", "animals", "--all").failed(4)
    assert stored.done("rm", "animals", "--all", "--delete-aliases").lines[0] == "removed animals"
    assert stored.done("ls", "--json").json == []
    assert stored.done("put", images, "-n", "animals").text == "animals:v2"


def test_rm_all_wants_the_name_alone(stored: Commands) -> None:
    stored("rm", "animals:v0", "--all").failed(2)
    assert len(stored.done("log", "animals", "--json").json) == 2


def test_tags_are_added_listed_and_removed(stored: Commands) -> None:
    assert stored.done("tag", "add", "animals:v0", "clean", "no duplicates").text == "animals:v0"
    assert stored.done("tag", "add", "animals:best", "clean", "seen", "--json").json == {
        "artifact": "animals",
        "version": "v0",
        "tags": ["clean", "no duplicates", "seen"],
    }
    assert stored.done("tag", "ls", "animals:v0").lines == ["clean", "no duplicates", "seen"]
    assert stored.done("tag", "rm", "animals:v0", "clean", "seen").text == "animals:v0"
    assert stored.done("tag", "ls", "animals:best", "--json").json["tags"] == ["no duplicates"]
    assert stored.done("tag", "ls", "animals").lines == []


def test_tags_that_are_not_allowed_or_not_there_change_nothing(stored: Commands) -> None:
    stored.done("tag", "add", "animals:v0", "clean")
    before = store_state(stored.store)
    stored("tag", "add", "animals:v0", "two  spaces").failed(2)
    assert "artfs tag ls" in stored("tag", "rm", "animals:v0", "clean", "seen").failed(3)
    stored("tag", "add", "animals:v9", "clean").failed(3)
    stored("tag", "add", "animals:v0").failed(2)
    assert store_state(stored.store) == before
