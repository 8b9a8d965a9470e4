"""`restore`: the way back to an earlier version, or to some of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artfs.api.public import Api
from tests.support.commands import Commands


@pytest.fixture
def stored(artfs: Commands, images: Path) -> Commands:
    """`animals:v0` with description, metadata and a tag, and `animals:v1` without labels and with other cats."""
    artfs.done("put", images, "-n", "animals", "-m", "first", "--meta", "a=1", "--tag", "clean", "-a", "best")
    (images / "labels.csv").unlink()
    (images / "cats/tom.png").write_text("another tom")
    (images / "cats/kit.png").write_text("kit")
    artfs.done("put", images, "-n", "animals", "-m", "second")
    return artfs


def _packs(store: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (store / "packs").rglob("*") if path.is_file()}


def test_restore_makes_the_next_version_with_the_contents_of_an_old_one_and_stores_nothing(stored: Commands) -> None:
    packs = _packs(stored.store)
    assert stored.done("restore", "animals:v0").text == "animals:v2"
    assert _packs(stored.store) == packs
    old, new = (stored.done("show", f"animals:v{index}", "--json").json for index in (0, 2))
    for key in ("digest", "size", "entries", "description", "metadata", "tags", "type"):
        assert new[key] == old[key], key
    assert (new["source"], new["aliases"]) == ("animals:v0", ["latest"])
    assert stored.done("show", "animals:best", "--json").json["version"] == "v0"
    assert stored.done("diff", "animals:v0", "animals:v2").lines == ["0 added, 0 removed, 0 modified; +0 B -0 B"]
    assert stored.done("cat", "animals/labels.csv").text == "tom,cat"
    ended = stored("restore", "animals:v0")
    assert (ended.code, ended.text) == (0, "animals:v3")
    assert ended.err.decode() == (
        "artfs: animals:v3 has the same contents as animals:v2, the newest version before: nothing changed\n"
    )


def test_restore_takes_another_description_and_aliases(stored: Commands) -> None:
    made = stored.done("restore", "animals:best", "-m", "back", "-a", "best", "--json").json
    assert (made["ref"], made["description"], made["metadata"]) == ("animals:v2", "back", {"a": 1})
    assert sorted(made["aliases"]) == ["best", "latest"]


def test_log_show_history_and_lineage_say_where_restored_contents_are_from(stored: Commands) -> None:
    assert stored.process("run", "--name", "again", "--", *stored.line("restore", "animals:v0")).code == 0
    assert "first (contents of animals:v0)" in stored.done("log", "animals").lines[1]
    assert any(line.split() == ["contents", "of:", "animals:v0"] for line in stored.done("show", "animals").lines)
    assert any(
        line.endswith("version-created animals:v2: contents of animals:v0")
        for line in stored.done("history", "animals").lines
    )
    shown = stored.done("lineage", "animals").lines
    assert shown[0] == "animals:v2 (contents of animals:v0)"
    assert "again" in shown[1]


def test_restore_refuses_the_newest_version_and_one_that_is_not_there(stored: Commands) -> None:
    assert "is the newest version already" in stored("restore", "animals").failed(4)
    assert "is the newest version already" in stored("restore", "animals:v1").failed(4)
    assert "v7" in stored("restore", "animals:v7").failed(3)
    assert "nosuch" in stored("restore", "nosuch:v0").failed(3)
    assert "--path" in stored("restore", "animals:v0", "--to", "x").failed(2)
    assert "`artfs commit`" in stored("restore", "animals:v0", "--path", "cats", "-m", "x").failed(2)
    assert len(stored.done("log", "animals", "--json").json) == 2


def test_an_artifact_restores_an_earlier_version_of_itself(stored: Commands) -> None:
    api = Api(stored.store)
    new = api.artifact("animals:v0").restore(description="back", aliases="best")
    assert (new.name, new.description, new.source_name) == ("animals:v2", "back", "animals:v0")
    assert dict(new.metadata) == {"a": 1}
    assert api.artifact("animals:best").name == "animals:v2"


def test_a_path_of_an_old_version_comes_back_into_a_draft(stored: Commands, draft: Path) -> None:
    (draft / "cats/more.png").write_text("more")
    (draft / "dogs").write_text("a change beside it")
    ended = stored("restore", "animals:v0", "--path", "cats")
    assert (ended.code, ended.text) == (0, str(draft / "cats")), ended
    assert ended.err == b"artfs: removed kit.png\nartfs: removed more.png\n"
    assert os.listdir(draft / "cats") == ["tom.png"]
    assert not (draft / "labels.csv").exists()
    shown = stored.done("restore", "animals:v0", "--path", "labels.csv", "--to", draft, "--json").json
    assert shown == {
        "ref": "animals:v0",
        "path": str(draft / "labels.csv"),
        "files": 1,
        "bytes": 8,
        "kept": 0,
        "removed": [],
    }
    said = stored("restore", "animals:v0", "--path", "dogs").failed(3)
    assert said.startswith("no 'dogs' in animals:v0: ")
    assert said.endswith(f"; to have the draft without it too: `rm -r {draft}/dogs`")
    assert (draft / "dogs").read_text() == "a change beside it"
    assert stored.done("commit", draft).text == "animals:v2"
    assert [line.split()[-1] for line in stored.done("diff", "animals:v0", "animals:v2").lines[:-1]] == ["dogs"]


def test_a_path_comes_back_where_the_draft_has_another_kind_or_no_directory(stored: Commands, draft: Path) -> None:
    (draft / "labels.csv").mkdir()
    (draft / "labels.csv/inner").write_text("x")
    for name in ("kit.png", "tom.png"):
        (draft / "cats" / name).unlink()
    (draft / "cats").rmdir()
    stored.done("restore", "animals:v0", "--path", "labels.csv")
    stored.done("restore", "animals:v0", "--path", "cats/tom.png")
    assert (draft / "labels.csv").read_text() == "tom,cat\n"
    assert (draft / "cats/tom.png").read_bytes() == bytes(range(256)) * 20
    (draft / "cats/tom.png").unlink()
    (draft / "cats").rmdir()
    (draft / "cats").write_text("a file")
    stored.done("restore", "animals:v0", "--path", "/cats/")
    assert os.listdir(draft / "cats") == ["tom.png"]


@pytest.mark.usefixtures("staging")
def test_a_path_is_written_into_an_open_draft_alone(stored: Commands, images: Path, tmp_path: Path) -> None:
    assert stored("restore", "animals:v0", "--path", "cats").failed(3) == (
        "no draft animals is open: `artfs stage animals` opens it, and --to names one of another name"
    )
    draft = Path(stored.done("stage", "animals").text)
    assert "is in no draft" in stored("restore", "animals:v0", "--path", "cats", "--to", images).failed(3)
    assert "is inside the draft" in stored("restore", "animals:v0", "--path", "cats", "--to", draft / "cats").failed(2)
    assert "dogs" in stored("restore", "animals:v0", "--path", "dogs").failed(3)
    for name in ("kit.png", "tom.png"):
        (draft / "cats" / name).unlink()
    (draft / "cats").rmdir()
    (draft / "cats").symlink_to(tmp_path)
    assert "is a symlink" in stored("restore", "animals:v0", "--path", "cats/tom.png").failed(10)
    assert not (tmp_path / "tom.png").exists()


def test_restoring_a_path_needs_a_staging_mount(stored: Commands) -> None:
    assert "--path needs an open draft" in stored("restore", "animals:v0", "--path", "cats").failed(9)
