"""`init`, `put` and `get`: in and out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import Commands, store_state
from tests.support.data.trees import make_odd_tree, snapshot


def test_init_makes_a_store_and_leaves_one_that_is_there_as_it_is(artfs: Commands) -> None:
    made = artfs.done("init", "--json").json
    assert made == {"store": str(artfs.store), "id": made["id"], "shared": False, "created": True}
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
    assert artfs.noted("put", images, "-n", "animals").text == "animals:v1"


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
    again = artfs.noted("put", images, "-n", "animals", "--if-changed", "--json")
    assert (again.json["ref"], again.json["logged"]) == ("animals:v0", False)
    assert json.loads(again.err) == {
        "kind": "note",
        "message": "animals:v0 has the same contents: no other version was made",
    }
    (images / "labels.csv").write_text("tom,dog\n")
    changed = artfs.done("put", images, "-n", "animals", "--if-changed", "--json").json
    assert (changed["ref"], changed["logged"]) == ("animals:v1", True)


def test_put_if_changed_says_what_it_did_not_take_over(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals", "-m", "first")
    put = ("put", images, "-n", "animals", "--if-changed")
    again = artfs.noted(*put, "-a", "best", "-m", "second", "--tag", "clean")
    assert again.text == "animals:v0"
    said = "-m and --tag changed nothing (`artfs edit` and `artfs tag` change animals:v0)"
    assert said in again.err.decode()
    assert b"changed nothing" not in artfs.noted(*put, "-a", "best").err
    shown = artfs.done("show", "animals:best", "--json").json
    assert (shown["ref"], shown["description"]) == ("animals:v0", "first")


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
    counts = {"files": 3, "bytes": first["bytes"], "kept": 0}
    assert first == {"ref": "animals:v0", "path": "out", **counts, "overwritten": []}
    Path("out/mine").write_text("mine")
    Path("out/labels.csv").unlink()
    again = artfs.done("get", "animals:v0", "out", "--json").json
    assert (again["files"], again["kept"]) == (1, 2)
    assert Path("out/labels.csv").read_text() == "tom,cat\n"
    assert Path("out/mine").read_text() == "mine"


def test_get_delete_makes_a_directory_equal_to_the_version(artfs: Commands, images: Path, tmp_path: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    place = tmp_path / "place"
    artfs.done("get", "animals", place)
    for name in ("cats/old.png", "gone/a/b", ".git/config", "labels.csv/inside"):
        (place / name).unlink(missing_ok=True) if name != "labels.csv/inside" else (place / "labels.csv").unlink()
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("of another version")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (place / "way").symlink_to(outside)
    (place / ".artfsignore").write_text(".git/\n.artfsignore\n")
    ended = artfs("get", "animals", place, "--delete", "--force")
    assert (ended.code, ended.text) == (0, str(place)), ended
    assert sorted(ended.err.decode().splitlines()) == [
        "artfs: removed cats/old.png",
        "artfs: removed gone",
        "artfs: removed labels.csv",
        "artfs: removed way",
    ]
    assert sorted(os.listdir(place)) == [".artfsignore", ".git", "best", "cats", "labels.csv"]
    assert os.listdir(place / "cats") == ["tom.png"]
    assert (place / "labels.csv").read_text() == "tom,cat\n"
    assert (outside / "kept").read_text() == "kept"
    assert artfs.done("get", "animals", place, "--delete", "--json").json["removed"] == []


def test_get_delete_removes_what_an_older_version_has_and_nothing_that_no_version_has(
    artfs: Commands, images: Path
) -> None:
    (images / "old").mkdir()
    (images / "old/dog.png").write_text("dog")
    artfs.done("put", images, "-n", "animals")
    artfs.done("get", "animals", "out")
    shutil.rmtree(images / "old")
    artfs.done("put", images, "-n", "animals")
    Path("out/note.txt").write_text("mine")
    Path("out/old/mine").symlink_to("dog.png")
    Path("out/labels.csv").unlink()
    Path("out/labels.csv").mkdir()
    Path("out/labels.csv/inside").write_text("mine too")
    before = snapshot(Path("out"))
    said = artfs("get", "animals", "out", "--delete").failed(4)
    kept = (
        "3 files in 'out' with contents that no version of animals has there: 'labels.csv/inside', 'note.txt',"
        " 'old/mine'"
    )
    assert said == (
        f"nothing was written or removed, to keep {kept}; `artfs put` or a copy keeps what is there, --force removes"
        " them"
    )
    plan = artfs.done("get", "animals", "out", "--delete", "--dry-run", "--json").json
    assert plan["unsaved"] == [{"path": path} for path in ("labels.csv/inside", "note.txt", "old/mine")]
    assert artfs.done("get", "animals", "out", "--delete", "--dry-run").lines[-1] == f"refused without --force: {kept}"
    assert snapshot(Path("out")) == before
    for mine in ("labels.csv/inside", "note.txt", "old/mine"):
        Path("out", mine).unlink()
    ended = artfs("get", "animals", "out", "--delete")
    assert (ended.code, ended.err.decode().splitlines()) == (0, ["artfs: removed labels.csv", "artfs: removed old"])
    Path("out/note.txt").write_text("mine")
    Path("out/best").unlink()
    Path("out/best").symlink_to("mine")
    assert artfs("get", "animals", "out", "--delete").failed(4).endswith("--force overwrites and removes them")
    forced = artfs.noted("get", "animals", "out", "--delete", "--force", "--json").json
    assert (forced["overwritten"], forced["removed"]) == ([{"path": "best"}], [{"path": "note.txt"}])
    assert sorted(os.listdir("out")) == ["best", "cats", "labels.csv"]


def test_get_refuses_to_overwrite_what_no_version_has_and_writes_nothing(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    artfs.done("get", "animals", "out")
    Path("out/labels.csv").write_text("my own labels\n")
    Path("out/cats/tom.png").unlink()
    Path("out/best").unlink()
    Path("out/best").symlink_to("elsewhere")
    said = artfs("get", "animals", "out").failed(4)
    assert said == (
        "nothing was written, to keep 2 files in 'out' with contents that no version of animals has there: 'best',"
        " 'labels.csv'; `artfs put` or a copy keeps what is there, --force overwrites them"
    )
    assert artfs("get", "animals", "out", "--delete").failed(4) == said
    assert Path("out/labels.csv").read_text() == "my own labels\n"
    assert not Path("out/cats/tom.png").exists()
    ended = artfs("get", "animals", "out", "--force")
    assert ended.err.decode() == (
        "artfs: overwritten: 2 files in 'out' with contents that no version of animals has there: 'best',"
        " 'labels.csv'\n"
    )
    assert (os.readlink("out/best"), Path("out/labels.csv").read_text()) == ("cats/tom.png", "tom,cat\n")
    Path("out/labels.csv").write_text("again\n")
    assert artfs("get", "animals", "out", "--force", "--json").json["overwritten"] == [{"path": "labels.csv"}]


def test_get_goes_from_version_to_version_and_overwrites_what_another_has(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    before = (images / "labels.csv").stat()
    (images / "labels.csv").write_text("TOM,CAT\n")
    os.utime(images / "labels.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    artfs.done("put", images, "-n", "animals")
    for version, text in (("v0", "tom,cat\n"), ("v1", "TOM,CAT\n"), ("v0", "tom,cat\n")):
        artfs.done("get", f"animals:{version}", "out", "--delete")
        assert Path("out/labels.csv").read_text() == text
    Path("out/labels.csv").write_text("")
    artfs.done("get", "animals:v0", "out")
    Path("out/labels.csv").write_text("bob,cat\n")  # of the same size and time, and in no version
    os.utime("out/labels.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "'labels.csv' was changed" in artfs("get", "animals:v0", "out").failed(4)
    assert Path("out/labels.csv").read_text() == "bob,cat\n"


def test_get_of_a_file_refuses_to_overwrite_another(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    Path("labels.csv").write_text("of another program")
    said = artfs("get", "animals", ".", "--path", "labels.csv").failed(4)
    assert said.startswith("nothing was written, to keep 'labels.csv' with contents that no version of animals has")
    assert said.endswith("--force overwrites it")
    plan = artfs.done("get", "animals", ".", "--path", "labels.csv", "--dry-run").lines
    assert (plan[0].split()[0], plan[0].split()[-1], len(plan)) == ("M", "labels.csv", 3)
    assert b"overwritten: 'labels.csv' with" in artfs("get", "animals", ".", "--path", "labels.csv", "--force").err
    assert Path("labels.csv").read_text() == "tom,cat\n"
    assert artfs.done("get", "animals", "new/labels.csv", "--path", "labels.csv").text == "new/labels.csv"


def test_get_dry_run_shows_what_would_be_written_overwritten_and_removed(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    assert artfs.done("get", "animals", "out", "--dry-run").lines[-1].startswith("4 would be written and 0 overwritten")
    assert not Path("out").exists()
    artfs.done("get", "animals", "out")
    Path("out/labels.csv").write_text("my own labels\n")
    Path("out/cats/tom.png").unlink()
    for name in ("b", "a", "gone/inner"):
        Path("out", name).parent.mkdir(exist_ok=True)
        Path("out", name).write_text(name)
    before = snapshot(Path("out"))
    lines = artfs.done("get", "animals", "out", "--delete", "--dry-run").lines
    found = sorted((line.split()[0], line.split()[-1]) for line in lines[:5])
    assert found == [("A", "cats/tom.png"), ("D", "a"), ("D", "b"), ("D", "gone/"), ("M", "labels.csv")]
    assert lines[5].startswith("1 would be written and 1 overwritten with ")
    assert lines[5].endswith("3 removed")
    refused = (
        "4 files in 'out' with contents that no version of animals has there: 'a', 'b', 'gone/inner', 'labels.csv'"
    )
    assert lines[6:] == [f"refused without --force: {refused}"]
    document = artfs.done("get", "animals", "out", "--dry-run", "--json").json
    assert (document["dry_run"], document["ref"], document["path"]) == (True, "animals:v0", "out")
    assert document["unsaved"] == [{"path": "labels.csv"}]
    assert [(one["path"], one["change"]) for one in document["changes"]] == [
        ("cats/tom.png", "added"),
        ("labels.csv", "modified"),
    ]
    assert document["summary"]["removed"] == 0
    assert snapshot(Path("out")) == before
    assert "holds the store" in artfs("get", "animals", artfs.store.parent, "--delete", "--dry-run").failed(10)
    artfs("get", "animals", "out", "--force")
    ended = artfs("get", "animals", "out", "--delete", "--force")
    assert ended.err.decode().splitlines() == ["artfs: removed a", "artfs: removed b", "artfs: removed gone"]


def test_get_delete_of_a_part_stays_in_that_part_and_refuses_what_is_no_directory(
    artfs: Commands, images: Path, tmp_path: Path
) -> None:
    artfs.done("put", images, "-n", "animals")
    place = tmp_path / "cats"
    place.mkdir()
    (place / "dog.png").write_text("dog")
    (tmp_path / "beside").write_text("beside")
    shown = artfs.done("get", "animals", place, "--path", "cats", "--delete", "--force", "--json").json
    assert shown["removed"] == [{"path": "dog.png"}]
    assert (os.listdir(place), (tmp_path / "beside").read_text()) == (["tom.png"], "beside")
    assert "is no directory" in artfs("get", "animals", place, "--path", "labels.csv", "--delete").failed(2)
    assert "holds the store itself" in artfs("get", "animals", tmp_path, "--delete").failed(10)
    assert (tmp_path / "beside").exists()


def test_get_delete_leaves_what_is_mounted_in_the_directory(stored: Commands, draft: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "gone/inner").mkdir(parents=True)
    subprocess.run(["mount", "--bind", draft, place / "gone/inner"], check=True)
    try:
        assert "another file system is mounted" in stored("get", "animals", place, "--delete").failed(10)
        assert (draft / "labels.csv").exists()
    finally:
        subprocess.run(["umount", place / "gone/inner"], check=True)
    assert b"removed gone" in stored("get", "animals", place, "--delete").err
    assert (draft / "labels.csv").exists()


def test_get_writes_a_part_out(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    assert artfs.done("get", "animals", "cats", "--path", "cats/").text == "cats"
    assert os.listdir("cats") == ["tom.png"]
    assert artfs.done("get", "animals", "--path", "cats/tom.png").text == "artifacts/animals:v0/cats/tom.png"
    assert artfs.done("get", "animals", "here.png", "--path", "cats/tom.png").text == "here.png"
    assert artfs.done("get", "animals", "cats", "--path", "labels.csv").text == "cats/labels.csv"
    for written in ("artifacts/animals:v0/cats/tom.png", "here.png"):
        assert Path(written).read_bytes() == (images / "cats/tom.png").read_bytes()


def test_get_takes_a_path_behind_the_reference(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    assert artfs.done("get", "animals:v0/cats/tom.png", "old.png").text == "old.png"
    assert Path("old.png").read_bytes() == (images / "cats/tom.png").read_bytes()
    assert artfs.done("get", "animals/cats/", "v1").text == "v1"
    assert os.listdir("v1") == ["tom.png"]
    assert artfs.done("get", "animals/labels.csv", "v1").text == "v1/labels.csv"
    assert artfs.done("get", "animals/cats/tom.png").text == "artifacts/animals:v0/cats/tom.png"
    assert artfs("get", "animals/cats", "twice", "--path", "labels.csv").failed(2) == (
        "a path is given twice, 'cats' behind animals:latest and 'labels.csv' with --path: give one"
    )
    assert not Path("twice").exists()


def test_get_refuses_a_link_that_leads_outside_unless_it_is_asked_for(artfs: Commands, images: Path) -> None:
    (images / "secret").symlink_to("/etc/passwd")
    artfs.noted("put", images, "-n", "animals")
    assert "--allow-escaping-links" in artfs("get", "animals", "out").failed(10)
    assert not Path("out").exists() or not os.listdir("out")
    artfs.done("get", "animals", "out", "--allow-escaping-links")
    assert os.readlink("out/secret") == "/etc/passwd"


def test_a_path_through_symlinks_inside_a_version_is_followed_by_get_cat_ls_and_tree(
    artfs: Commands, tmp_path: Path
) -> None:
    top = tmp_path / "model"
    (top / "epochs").mkdir(parents=True)
    (top / "epochs" / "3.pt").write_text("weights")
    (top / "last.pt").symlink_to("epochs/3.pt")
    (top / "current").symlink_to("epochs")
    (top / "gone.pt").symlink_to("epochs/4.pt")
    artfs.done("put", top, "-n", "m")
    for number, path in enumerate(("last.pt", "current/3.pt")):
        assert artfs.done("cat", f"m/{path}").text == "weights"
        out = Path(artfs.done("get", "m", f"out{number}", "--path", path).text)
        assert (out.read_text(), out.is_symlink()) == ("weights", False)
    (tmp_path / "there").mkdir()
    assert artfs.done("get", "m", tmp_path / "there", "--path", "last.pt").text == str(tmp_path / "there" / "last.pt")
    got = Path(artfs.done("get", "m", "linked", "--path", "current").text)
    assert (got.is_symlink(), (got / "3.pt").read_text()) == (False, "weights")
    assert artfs.done("ls", "m/current").text == "3.pt"
    assert artfs.done("tree", "m/current").lines[1:2] == ["└── 3.pt"]
    assert artfs.done("ls", "-l", "m/gone.pt").text.endswith("gone.pt -> epochs/4.pt")
