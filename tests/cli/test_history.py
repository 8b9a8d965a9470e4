"""The history on the command line: who changed what, and whether it is as it was written."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from tests.support.commands import Commands


def _changes(artfs: Commands, *arguments: str) -> list[tuple[str, str, Any, Any]]:
    return [
        (change["change"], change["what"], change["before"], change["after"])
        for record in artfs.done("history", *arguments, "--json").json
        for change in record["changes"]
    ]


def test_each_change_is_shown_with_what_was_before_and_after_the_newest_last(stored: Commands, images: Path) -> None:
    stored.noted("put", images, "-n", "animals")
    stored.done("alias", "add", "animals", "best")
    stored.done("edit", "animals:v1", "--description", "new")
    stored.done("rename", "animals", "zoo")
    stored.done("alias", "rm", "zoo:best")
    shown = _changes(stored)
    assert [(kind, what) for kind, what, _before, _after in shown[:4]] == [
        ("artifact-created", "animals"),
        ("version-created", "animals:v0"),
        ("alias-set", "animals:best"),
        ("alias-set", "animals:latest"),
    ]
    assert shown[-5:] == [
        ("alias-set", "animals:latest", {"version": "v0"}, {"version": "v1"}),
        ("alias-set", "animals:best", {"version": "v0"}, {"version": "v1"}),
        ("version-edited", "animals:v1", {"description": ""}, {"description": "new"}),
        ("artifact-renamed", "animals", {"name": "animals"}, {"name": "zoo"}),
        ("alias-removed", "zoo:best", {"version": "v1"}, None),
    ]
    lines = stored.done("history").lines
    assert len(lines) == len(shown)
    assert lines[-1].endswith("alias-removed zoo:best: v1 -> nothing")
    assert all(f"  {getpass.getuser()}@" in line for line in lines)


def test_the_history_of_an_artifact_or_version_is_found_under_any_name_and_after_its_end(
    stored: Commands, images: Path
) -> None:
    stored.done("put", images, "-n", "plants")
    stored.noted("put", images, "-n", "animals")
    stored.done("rename", "animals", "zoo")
    assert {what.split(":")[0] for _kind, what, _before, _after in _changes(stored, "zoo")} == {"animals"}
    assert [what for _kind, what, _before, _after in _changes(stored, "zoo:v0")] == [
        "animals:v0",
        "animals:best",
        "animals:latest",
        "animals:latest",
    ]
    stored.done("rm", "zoo", "--all", "--delete-aliases")
    assert _changes(stored, "zoo")[-1][:2] == ("artifact-deleted", "zoo")
    assert len(stored.done("history", "-n", "1", "--json").json) == 1
    assert stored.done("history", "-n", "1", "--json").json[0]["seq"] == len(stored.done("history", "--json").json)


def test_a_whole_history_is_verified_and_an_edited_one_refused(stored: Commands) -> None:
    verified = stored.done("history", "--verify", "--json").json
    assert verified["records"] == len(stored.done("history", "--json").json)
    assert verified["head"] in stored.done("history", "--verify").text
    stored.done("edit", "animals", "--description", "more")
    stored.done("history", "--verify", "--head", verified["head"])
    [segment] = (stored.store / "journal").glob("*.journal")
    data = segment.read_bytes()
    at = data.index(b"animals")
    segment.write_bytes(data[:at] + b"Animals" + data[at + 7 :])
    assert "after record 0" in stored("history", "--verify").failed(7)
    assert "journal record damaged" in stored("history").failed(7)
