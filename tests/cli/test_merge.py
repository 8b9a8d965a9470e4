"""Two drafts of one artifact: the second commit loses nothing of the first."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def other(stored: Commands, draft: Path) -> Path:
    """A second draft of `animals`, beside the first."""
    assert draft.is_dir()
    return Path(stored.done("stage", "animals", "--as", "other").text)


def _more(counts: str, draft: Path) -> str:
    return (
        f"animals:v2 differs from what this draft shows: {counts}; `artfs diff animals:v2 {draft}` lists that,"
        " `artfs stage animals --as OTHER` opens a draft that shows it"
    )


def _entries(artfs: Commands, ref: str) -> dict[str, str]:
    listed = artfs.done("ls", ref, "-R", "--json").json
    return {entry["path"]: entry["digest"] for entry in listed if entry["kind"] == "file"}


def test_a_commit_that_would_drop_what_a_newer_version_has_is_refused_in_one_line(
    stored: Commands, draft: Path, other: Path
) -> None:
    (other / "theirs").write_text("theirs")
    (draft / "mine").write_text("mine")
    assert stored.done("commit", other).text == "animals:v1"
    said = stored("commit", draft).failed(4)
    assert said == (
        "animals:v1 is newer than animals:v0, which this draft is made from: commit with --merge to put what was"
        " changed here onto animals:v1, or with --replace to make a version of what is here alone"
    )
    assert [version["version"] for version in stored.done("log", "animals", "--json").json] == ["v1", "v0"]


def test_merge_has_the_changes_of_both_and_replace_the_drafts_alone(stored: Commands, draft: Path, other: Path) -> None:
    (other / "theirs").write_text("theirs")
    (other / "labels.csv").unlink()
    stored.done("commit", other)
    (draft / "mine").write_text("mine")
    ended = stored("commit", draft, "--merge", "--json")
    assert ended.code == 0
    assert ended.json == {
        "ref": "animals:v2",
        "artifact": "animals",
        "version": "v2",
        "logged": True,
        "merged": "animals:v1",
        "runs": [],
    }
    more = _more("1 file of it is not shown here, 1 shown here is not in it", draft)
    assert json.loads(ended.err) == {"kind": "note", "message": f"merged onto animals:v1: {more}"}
    assert set(_entries(stored, "animals:v2")) == {"cats/tom.png", "theirs", "mine"}
    (other / "more").write_text("more")
    assert stored.done("commit", other, "--replace", "--json").json["merged"] is None
    assert set(_entries(stored, "animals:v3")) == {"cats/tom.png", "theirs", "more"}


def test_a_draft_that_was_merged_goes_on_and_drops_nothing(stored: Commands, draft: Path, other: Path) -> None:
    (other / "theirs").write_text("theirs")
    stored.done("commit", other)
    (draft / "mine").write_text("mine")
    assert stored("commit", draft, "--merge").code == 0
    merged = f"merged: {_more('1 file of it is not shown here', draft)}"
    assert stored.done("status", draft).lines == ["animals from animals:v2", merged, "nothing changed"]
    assert (draft / ".artfs/status").read_text().splitlines() == [
        "animals from animals:v2",
        (
            "merged: animals:v2 differs from what this draft shows;"
            " `artfs stage animals --as OTHER` opens a draft that shows it"
        ),
    ]
    assert stored.done("status", draft, "--json").json["shows_all"] is False
    assert stored.done("status", other, "--json").json["shows_all"] is True
    assert [each["shows_all"] for each in stored.done("drafts", "--json").json] == [False, True]
    assert "nothing changed, merged, and differs from animals:v2" in stored.done("drafts").lines[1]
    whole = Path(stored.done("stage", "animals", "--as", "whole").text)
    assert sorted(os.listdir(whole)) == ["best", "cats", "labels.csv", "mine", "theirs"]
    (draft / "mine").write_text("mine again")
    ended = stored("commit", draft)
    assert (ended.code, ended.text) == (0, "animals:v3")
    assert set(_entries(stored, "animals:v3")) == {"cats/tom.png", "labels.csv", "theirs", "mine"}
    (draft / "theirs").write_text("mine")
    assert "'theirs'" in stored("commit", draft).failed(4)


def test_a_merge_onto_a_version_without_files_says_what_is_shown_and_not_in_it(
    stored: Commands, draft: Path, other: Path
) -> None:
    (other / "labels.csv").unlink()
    (other / "cats/tom.png").write_bytes(b"tom")
    (other / "best").unlink()
    stored.done("commit", other)
    (draft / "mine").write_text("mine")
    said = stored.noted("commit", draft, "--merge")
    counts = "2 shown here are not in it, 1 is not as shown here"
    assert said.err == f"artfs: merged onto animals:v1: {_more(counts, draft)}\n".encode()
    listed = stored.done("diff", "animals:v2", draft, "--json").json
    assert listed["summary"]["added"] == 2
    assert listed["summary"]["modified"] == 1


def test_a_merge_of_what_was_done_alike_in_both_says_no_difference(stored: Commands, draft: Path, other: Path) -> None:
    for place in (other, draft):
        (place / "new").write_text("new")
    stored.done("commit", other)
    (draft / "mine").write_text("mine")
    assert stored.noted("commit", draft, "--merge").err == b"artfs: merged onto animals:v1\n"
    assert stored.done("status", draft).lines == ["animals from animals:v2", "nothing changed"]


def test_paths_that_were_changed_in_both_are_listed_and_nothing_is_committed(
    stored: Commands, draft: Path, other: Path
) -> None:
    for place, text in ((other, "theirs"), (draft, "mine")):
        (place / "labels.csv").write_text(text)
        for number in range(7):
            (place / f"new{number}").write_text(text)
        (place / "same").write_text("same")
    (other / "cats/tom.png").unlink()
    (draft / "cats/tom.png").write_bytes(b"mine")
    stored.done("commit", other)
    said = stored("commit", draft, "--merge").failed(4)
    assert said == (
        "9 paths were changed both here and in animals:v1, and nothing was committed: 'cats/tom.png' (you: changed, v1:"
        " removed), 'labels.csv' (you: changed, v1: changed), 'new0' (you: added, v1: added), 'new1' (you: added, v1:"
        " added), 'new2' (you: added, v1: added) and 4 more;"
        f" `artfs commit {draft} --merge --mine cats/tom.png` keeps yours,"
        f" `artfs commit {draft} --merge --theirs cats/tom.png` takes the other; say it for each, or for all:"
        f" `artfs commit {draft} --merge --mine .`"
    )
    ended = stored("commit", draft, "--merge", "--json")
    assert ended.code == 4
    assert ended.json["conflicts"] == json.loads((draft / ".artfs/conflicts").read_bytes())
    assert ended.json["conflicts"] == [
        {"path": "cats/tom.png", "here": "modified", "there": "removed"},
        {"path": "labels.csv", "here": "modified", "there": "modified"},
        *({"path": f"new{number}", "here": "added", "there": "added"} for number in range(7)),
    ]
    assert stored.done("log", "animals", "--json").json[0]["version"] == "v1"
    (draft / "cats/tom.png").unlink()
    for number in range(7):
        (draft / f"new{number}").write_text("theirs")
    (draft / "labels.csv").write_text("theirs")
    (draft / "mine").write_text("mine")
    assert stored("commit", draft, "--merge").text == "animals:v2"
    assert json.loads((draft / ".artfs/conflicts").read_bytes()) == []


def test_each_conflict_is_decided_for_one_side(stored: Commands, draft: Path, other: Path) -> None:
    for place, text in ((other, "theirs"), (draft, "mine")):
        for name in ("labels.csv", "new", "cats/one", "cats/two"):
            (place / name).write_text(text)
    (other / "theirs").write_text("theirs")
    (other / "cats/tom.png").unlink()
    (draft / "cats/tom.png").write_bytes(b"mine")
    stored.done("commit", other)
    cats = draft / "cats"
    given = f"artfs commit {draft} --merge --mine labels.csv --mine cats/one --theirs {cats}"
    said = stored("commit", draft, "--mine", "labels.csv", "--theirs", cats, "--mine", "cats/one").failed(4)
    assert said == (
        "1 path was changed both here and in animals:v1, and nothing was committed: 'new' (you: added, v1: added);"
        f" `{given} --mine new` keeps yours, `{given} --theirs new` takes the other"
    )
    ended = stored("commit", cats, "--mine", "./", "--theirs", "cats/", "--mine", "./cats/one", "--theirs", "new")
    assert (ended.code, ended.text) == (0, "animals:v2")
    wanted = {"labels.csv": "mine", "new": "theirs", "cats/one": "mine", "cats/two": "theirs", "theirs": "theirs"}
    assert {path: stored.done("cat", f"animals/{path}").text for path in _entries(stored, "animals")} == wanted
    assert json.loads((draft / ".artfs/conflicts").read_bytes()) == []


def test_a_side_that_is_chosen_where_there_is_no_conflict_is_refused(
    stored: Commands, draft: Path, other: Path
) -> None:
    (other / "theirs").write_text("theirs")
    stored.done("commit", other)
    (draft / "mine").write_text("mine")
    assert stored("commit", draft, "--theirs", "mine", "--mine", "labels.cvs").failed(2) == (
        "nothing was committed, since nothing was changed both here and in animals:v1 at 'labels.cvs', 'mine': leave"
        " those out of mine and theirs"
    )
    assert "both in mine and in theirs" in stored("commit", draft, "--theirs", "a", "--mine", "a").failed(2)
    assert "not UTF-8" in stored("commit", draft, "--mine", "a\udcff").failed(2)
    assert "is not in the draft" in stored("commit", draft, "--mine", draft.parent / "other/x").failed(2)
    assert stored("commit", draft, "--mine", ".").text == "animals:v2"


def test_merge_and_replace_exclude_each_other(stored: Commands, draft: Path) -> None:
    assert "are not for --replace" in stored("commit", draft, "--merge", "--replace").failed(2)
    assert "are not for --replace" in stored("commit", draft, "--mine", "a", "--replace").failed(2)
    with pytest.raises(OSError, match="Invalid argument"):
        (draft / ".artfs/commit").write_text('{"mine": ["a"]}')
    assert "add merge" in (draft / ".artfs/commit").read_text()
    with pytest.raises(OSError, match="Invalid argument"):
        (draft / ".artfs/commit").write_text('{"merge": true, "replace": true}')
    assert "exclude each other" in (draft / ".artfs/commit").read_text()


def test_status_says_from_the_first_that_a_draft_is_behind(stored: Commands, draft: Path, other: Path) -> None:
    assert stored.done("status", draft).lines == ["animals from animals:v0", "nothing changed"]
    (other / "theirs").write_text("theirs")
    stored.done("commit", other)
    behind = "behind animals:v1: commit with --merge to put what was changed here onto that, or with --replace"
    assert stored.done("status", draft).lines == ["animals from animals:v0", behind, "nothing changed"]
    document = stored.done("status", draft, "--json").json
    assert (document["base"], document["newest"], document["behind"]) == ("animals:v0", "animals:v1", True)
    assert (draft / ".artfs/status").read_text().splitlines()[1].startswith("behind animals:v1: ")
    old = Path(stored.done("stage", "animals", "--from", "v0", "--as", "old").text)
    assert stored.done("status", old, "--json").json["behind"] is True
    assert stored.done("commit", old, "--replace").text == "animals:v2"
    assert _entries(stored, "animals:v2") == _entries(stored, "animals:v0")


def test_an_untouched_draft_that_is_behind_has_nothing_to_merge(stored: Commands, draft: Path, other: Path) -> None:
    (other / "theirs").write_text("theirs")
    stored.done("commit", other)
    assert stored("commit", draft, "--merge").text == "animals:v0"


def test_a_draft_follows_its_artifact_when_that_is_renamed(stored: Commands, draft: Path, images: Path) -> None:
    stored.done("rename", "animals", "pets")
    stored.done("put", images, "-n", "animals")
    (draft / "mine").write_text("mine")
    assert stored.done("status", draft).lines[0] == "pets from animals:v0"
    assert stored.done("commit", draft).text == "pets:v1"
    assert stored.done("status", draft).lines[0] == "pets from pets:v1"


def test_a_draft_of_a_deleted_artifact_or_version_makes_the_next_one(
    stored: Commands, draft: Path, other: Path
) -> None:
    (other / "theirs").write_text("theirs")
    stored.done("commit", other)
    stored.done("rm", "animals:v1")
    (draft / "mine").write_text("mine")
    assert stored.done("commit", draft).text == "animals:v2"
    (other / "again").write_text("again")
    assert "animals:v2 is newer than animals:v1" in stored("commit", other).failed(4)
    stored.done("rm", "animals:latest", "--delete-aliases")
    stored.done("rm", "animals:v0", "--delete-aliases")
    assert stored.done("commit", other).text == "animals:v3"
    assert set(_entries(stored, "animals:v3")) == {"cats/tom.png", "labels.csv", "theirs", "again"}


def test_the_base_of_a_merge_outlives_its_version(stored: Commands, draft: Path, images: Path) -> None:
    (images / "labels.csv").unlink()
    (images / "theirs").write_text("theirs")
    stored.done("put", images, "-n", "animals")
    stored.done("rm", "animals:v0", "--delete-aliases")
    stored.done("gc", "--now")
    (draft / "mine").write_text("mine")
    assert stored("commit", draft, "--merge").text == "animals:v2"
    assert set(_entries(stored, "animals:v2")) == {"cats/tom.png", "theirs", "mine"}
    stored.done("rm", "animals:v1")
    stored.done("gc", "--now")
    stored.done("fsck")
    (draft / "mine").write_text("again")
    assert stored("commit", draft).text == "animals:v3"
    assert set(_entries(stored, "animals:v3")) == {"cats/tom.png", "theirs", "mine"}


def test_drafts_that_began_empty_know_what_was_there(stored: Commands, staging: Path) -> None:
    (staging / "animals").mkdir()
    (staging / "animals/whole").write_text("whole")
    assert stored.done("commit", staging / "animals").text == "animals:v1"
    first, second = (Path(stored.done("stage", "birds", "--new", "--as", name).text) for name in ("first", "second"))
    (first / "a").write_text("a")
    (second / "b").write_text("b")
    assert stored.done("commit", first).text == "birds:v0"
    said = stored("commit", second).failed(4)
    assert said.startswith("birds:v0 is newer than this draft, which began empty: ")
    assert stored("commit", second, "--merge").text == "birds:v1"
    assert set(_entries(stored, "birds:v1")) == {"a", "b"}


def test_drafts_lists_where_of_what_since_when_what_changed_and_how_much_room(
    stored: Commands, draft: Path, other: Path
) -> None:
    (other / "theirs").write_bytes(bytes(range(256)) * 4096)
    stored.done("commit", other)
    (draft / "mine").write_text("mine")
    (draft / "labels.csv").unlink()
    found = stored.done("drafts", "--json").json
    for each in found:
        assert re.fullmatch(r"20..-..-..T..:..:..\.\d{9}Z", each.pop("since"))
        assert each.pop("room") > 0
    none = {"added": 0, "removed": 0, "modified": 0, "incomplete": 0, "bytes": 0}
    assert found == [
        {
            "draft": "animals",
            "path": str(draft),
            "artifact": "animals",
            "base": "animals:v0",
            "newest": "animals:v1",
            "behind": True,
            "shows_all": True,
            "runs": [],
            "damage": None,
            "summary": {**none, "added": 1, "removed": 1, "bytes": 4},
        },
        {
            "draft": "other",
            "path": str(other),
            "artifact": "animals",
            "base": "animals:v1",
            "newest": "animals:v1",
            "behind": False,
            "shows_all": True,
            "runs": [],
            "damage": None,
            "summary": none,
        },
    ]
    header, first, second = stored.done("drafts").lines
    assert header.split() == ["DRAFT", "ARTIFACT", "FROM", "BEHIND", "SINCE", "ROOM", "CHANGES", "DIRECTORY"]
    assert re.search(
        rf"animals +animals +animals:v0 +animals:v1 +{time.localtime().tm_year}-.* 1 added, 1 removed", first
    )
    assert first.endswith(str(draft))
    assert "nothing changed" in second
    assert stored.process("umount", draft.parent).code == 0
    assert [each["path"] for each in stored.done("drafts", "--json").json] == [None, None]
    assert stored.done("drafts").lines[1].rstrip().endswith("0 modified")


def test_a_damaged_draft_is_listed_with_the_reason(stored: Commands, draft: Path, other: Path) -> None:
    assert other.is_dir()
    assert stored.process("umount", draft.parent).code == 0
    rows = next((stored.store / "drafts").glob("*.other/rows/data.mdb"))
    rows.write_bytes(b"\0" * rows.stat().st_size)
    found = stored.done("drafts", "--json").json
    assert [each["draft"] for each in found] == ["animals", "other"]
    assert "error" not in found[0]
    assert found[1]["error"]


def test_a_store_without_drafts_lists_none(stored: Commands) -> None:
    assert stored.done("drafts", "--json").json == []
