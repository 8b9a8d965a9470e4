"""`stage`, `status` and `discard` as commands; what a draft promises is tested in tests/fuse/staging."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from artfs.fuse import MountInfo, mounts
from tests.support.commands import Commands, Ended


def _well(ended: Ended) -> str:
    assert (ended.code, ended.err) == (0, b""), ended
    return ended.text


def _mounts(artfs: Commands) -> dict[Path, MountInfo]:
    return {mount.mountpoint: mount for mount in mounts() if mount.store == artfs.store}


def _version(artfs: Commands, ref: str = "animals") -> dict[str, object]:
    document: dict[str, object] = artfs.done("show", ref, "--json").json
    return document


def test_stage_edit_commit_and_read_the_latest(stored: Commands, staging: Path, images: Path) -> None:
    place = stored.done("stage", "animals").text
    assert place == str(staging / "animals")
    draft = Path(place)
    assert (draft / "cats/tom.png").read_bytes() == (images / "cats/tom.png").read_bytes()
    (draft / "cats/kit.png").write_bytes(b"kit")
    (draft / "labels.csv").unlink()
    assert stored.done("commit", draft, "-m", "kit, no labels").text == "animals:v1"
    latest = staging.with_name("art") / "animals/latest"
    assert (latest / "cats/kit.png").read_bytes() == b"kit"
    assert sorted(os.listdir(latest)) == ["best", "cats"]
    assert _version(stored)["description"] == "kit, no labels"


def test_stage_opens_the_draft_that_its_options_describe(stored: Commands, staging: Path, images: Path) -> None:
    (images / "new").write_text("new")
    stored.done("put", images, "-n", "animals")
    opened = stored.done("stage", "animals", "--from", "v0", "--as", "old", "--json").json
    assert opened == {"path": str(staging / "old"), "draft": "old", "artifact": "animals", "base": "animals:v0"}
    assert not (staging / "old/new").exists()
    opened = stored.done("stage", "dogs", "--from", "animals", "--json").json
    assert opened == {"path": str(staging / "dogs"), "draft": "dogs", "artifact": "dogs", "base": "animals:v1"}
    assert (staging / "dogs/new").read_text() == "new"
    opened = stored.done("stage", "animals", "--empty", "--json").json
    assert (opened["base"], os.listdir(staging / "animals")) == (None, [])
    assert stored.done("stage", "birds", "--new").text == str(staging / "birds")
    assert os.listdir(staging / "birds") == []
    assert json.loads((staging / ".artfs/drafts").read_bytes())


def test_stage_says_where_a_draft_is_open_and_what_it_cannot_open(stored: Commands, draft: Path) -> None:
    said = stored("stage", "animals").failed(4)
    assert f"is open already, at '{draft}'" in said
    assert "v7" in stored("stage", "animals", "--from", "v7", "--as", "b").failed(3)
    assert "nobody" in stored("stage", "animals", "--from", "nobody", "--as", "b").failed(3)
    assert "a/b does not exist" in stored("stage", "a/b").failed(3)
    assert "is not allowed" in stored("stage", "animals", "--as", "a/b").failed(2)
    assert "'.artfs'" in stored("stage", "animals", "--as", ".artfs").failed(4)
    assert "exclude each other" in stored("stage", "animals", "--from", "v0", "--empty").failed(2)
    assert os.listdir(draft.parent) == ["animals"]


def test_stage_takes_the_version_to_show_as_a_reference(stored: Commands, staging: Path, images: Path) -> None:
    (images / "new").write_text("new")
    stored.done("put", images, "-n", "animals")
    opened = stored.done("stage", "animals:v0", "--as", "old", "--json").json
    assert opened == {"path": str(staging / "old"), "draft": "old", "artifact": "animals", "base": "animals:v0"}
    assert stored.done("stage", "animals:best", "--json").json["base"] == "animals:v0"
    assert not (staging / "animals/new").exists()
    for option in (("--from", "v0"), ("--empty",), ("--new",)):
        assert "names the version to show" in stored("stage", "animals:v0", "--as", "c", *option).failed(2)
    assert "v7" in stored("stage", "animals:v7", "--as", "c").failed(3)


def test_stage_of_an_artifact_that_is_not_there_names_the_nearest_and_how_to_make_one(
    stored: Commands, staging: Path
) -> None:
    assert stored("stage", "animls").failed(3) == (
        "artifact animls does not exist: did you mean animals? `artfs stage animls --new` opens a draft to make it"
    )
    assert stored("stage", "zoo").failed(3) == (
        "artifact zoo does not exist: `artfs stage zoo --new` opens a draft to make it"
    )
    assert "leave --new out" in stored("stage", "animals", "--new").failed(4)
    assert os.listdir(staging) == []
    assert stored.done("stage", "zoo", "--new").text == str(staging / "zoo")
    (staging / "zoo/a").write_text("a")
    assert stored.done("commit", staging / "zoo").text == "zoo:v0"


def test_stage_needs_a_store_and_a_staging_mount(artfs: Commands, places: tuple[Path, Path]) -> None:
    assert "has no staging mount" in artfs("stage", "animals").failed(9)
    artfs.done("init")
    assert "has no staging mount" in artfs("stage", "animals").failed(9)
    _well(artfs.process("mount", places[0]))
    assert "has no staging mount" in artfs("stage", "animals").failed(9)


def test_discard_closes_a_draft_and_refuses_one_with_changes(stored: Commands, draft: Path) -> None:
    assert stored.done("discard", draft).text == f"discarded {draft}"
    assert os.listdir(draft.parent) == []
    assert stored.done("stage", "animals").text == str(draft)
    (draft / "a").write_text("a")
    assert "--force" in stored("discard", draft).failed(4)
    assert (draft / "a").read_text() == "a"
    assert "is inside the draft" in stored("discard", "--force", draft / "cats").failed(2)
    assert stored.done("discard", "--force", "--now", draft, "--json").json == {
        "path": str(draft),
        "draft": "animals",
        "kept": None,
    }
    assert os.listdir(draft.parent) == []
    assert [version["ref"] for version in stored.done("log", "animals", "--json").json] == ["animals:v0"]


def test_a_draft_that_was_committed_has_no_changes_to_lose(stored: Commands, draft: Path) -> None:
    (draft / "a").write_text("a")
    stored.done("commit", draft)
    stored.done("discard", draft)
    assert stored.done("cat", "animals/a").out == b"a"


def test_status_lists_what_changed_with_sizes(stored: Commands, draft: Path) -> None:
    assert stored.done("status", draft).lines == ["animals from animals:v0", "nothing changed"]
    (draft / "labels.csv").write_text("tom,cat\nkit,cat\n")
    (draft / "best").unlink()
    (draft / "dogs/small").mkdir(parents=True)
    (draft / "dogs/rex.png").write_bytes(b"x" * 1000)
    (draft / "dogs/small/rex.png").write_bytes(b"x" * 24)
    (draft / "cats").rename(draft / "felines")
    assert stored.done("status", draft / "felines").lines == [
        "animals from animals:v0",
        "D              12 best",
        "D           5,120 cats/ (1 in it)",
        "A           1,024 dogs/ (3 in it)",
        "A           5,120 felines/ (1 in it)",
        "M              16 labels.csv",
        "6 added, 3 removed, 1 modified; 6.0 KiB in what was added and modified",
    ]
    document = stored.done("status", draft, "--json").json
    changes = document.pop("changes")
    assert document == {
        "path": str(draft),
        "draft": "animals",
        "artifact": "animals",
        "base": "animals:v0",
        "newest": "animals:v0",
        "behind": False,
        "shows_all": True,
        "runs": [],
        "damage": None,
        "summary": {"added": 6, "removed": 3, "modified": 1, "incomplete": 0, "bytes": 6160},
    }
    assert changes[0] == {"path": "best", "change": "removed", "directory": False, "size": 12}
    assert changes[2] == {"path": "dogs", "change": "added", "directory": True, "size": 1024, "entries": 3}
    assert stored.done("commit", draft).text == "animals:v1"
    assert stored.done("status", draft).lines == ["animals from animals:v1", "nothing changed"]


def test_status_of_a_draft_that_began_empty_names_no_base(stored: Commands, staging: Path) -> None:
    draft = stored.done("stage", "birds", "--new").text
    assert stored.done("status", draft).lines == ["birds from nothing", "nothing changed"]
    assert stored.done("status", draft, "--json").json["base"] is None
    (staging / "birds/a\nb").write_text("x")
    assert stored.done("status", draft).lines[1:3] == ["A               1 a", "b"]
    assert stored.done("status", draft, "--json").json["changes"][0]["path"] == "a\nb"


def test_a_mount_that_is_gone_is_reported_and_the_draft_is_there_in_the_next(stored: Commands, draft: Path) -> None:
    """The draft is in the store.

    S24: What a program wrote and closed survives a kill -9 of any process of the mount, and of all of them: the
    next mount shows it.
    """
    (draft / "a").write_text("a")
    daemon = _mounts(stored)[draft.parent].pid
    assert daemon is not None
    for process in _family(daemon):
        os.kill(process, signal.SIGKILL)
    for command in ("commit", "status", "discard"):
        assert "has ended: mount it again" in stored.process(command, draft).failed(9)
    art = draft.parent.with_name("art")
    _well(stored.process("umount", art))
    _well(stored.process("mount", art, "--staging", draft.parent))
    assert (draft / "a").read_text() == "a"
    assert stored.done("commit", draft).text == "animals:v1"


def _family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]
