"""`ls`, `tree`, `cat`, `log`, `show` and `diff`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def stored(artfs: Commands, images: Path) -> Commands:
    """`animals:v0`, and `animals:v1` with a file added, one removed and one modified."""
    for path in (images / "labels.csv", images / "cats/tom.png"):
        path.chmod(0o640)
        os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    artfs.done("put", images, "-n", "animals", "-m", "first", "-a", "best", "--tag", "clean", "--meta", "n=1")
    (images / "cats/kit.png").write_bytes(b"kit")
    (images / "cats/tom.png").unlink()
    (images / "labels.csv").write_text("kit,cat\ntom,dog\n")
    artfs.done("put", images, "-n", "animals")
    return artfs


def test_ls_without_a_ref_lists_artifacts(stored: Commands, images: Path) -> None:
    stored.done("put", images / "labels.csv", "-n", "zoo", "-t", "table")
    header, animals, zoo = stored.done("ls").lines
    assert header.split() == ["NAME", "TYPE", "LATEST", "VERSIONS", "SIZE", "LOGGED"]
    assert animals.split()[:4] == ["animals", "dataset", "v1", "2"]
    assert zoo.split()[:6] == ["zoo", "table", "v0", "1", "16", "B"]
    assert "best=v0,latest=v1" in stored.done("ls", "-l").text
    listed = stored.done("ls", "--json").json
    assert [(row["name"], row["versions"], row["latest"]) for row in listed] == [("animals", 2, "v1"), ("zoo", 1, "v0")]
    assert listed[0]["aliases"] == {"best": "v0", "latest": "v1"}


def test_ls_lists_a_version_a_directory_and_a_file(stored: Commands) -> None:
    assert stored.done("ls", "animals:v0").lines == ["best", "cats/", "labels.csv"]
    assert stored.done("ls", "animals:best/cats/").lines == ["tom.png"]
    assert stored.done("ls", "animals:v0/cats/tom.png").lines == ["cats/tom.png"]
    assert stored.done("ls", "animals:v0/cats", "--json").json[0]["path"] == "cats/tom.png"
    assert stored.done("ls", "animals:v0/cats/tom.png", "--json").json[0]["path"] == "cats/tom.png"
    assert stored.done("ls", "-R", "animals").lines == ["best", "cats/", "cats/kit.png", "labels.csv"]


def test_ls_says_mode_size_time_and_target(stored: Commands) -> None:
    best, cats, labels = stored.done("ls", "-l", "animals:v0").lines
    assert best.startswith("lrwxrwxrwx ")
    assert best.endswith(" best -> cats/tom.png")
    assert cats.startswith("d")
    assert labels.split()[:2] == ["-rw-r-----", "8"]
    best, cats, labels = stored.done("ls", "animals:v0", "--json").json
    assert (best["kind"], best["target"]) == ("symlink", "cats/tom.png")
    assert (cats["kind"], cats["size"], cats["entries"]) == ("directory", 5120, 1)
    assert labels == {
        "path": "labels.csv",
        "kind": "file",
        "mode": "0640",
        "mtime": "2023-11-14T22:13:20.123456789Z",
        "size": 8,
        "digest": labels["digest"],
    }
    assert len(bytes.fromhex(labels["digest"])) == 32


def test_an_empty_list_is_a_json_array_too(artfs: Commands) -> None:
    artfs.done("init")
    assert artfs.done("ls", "--json").json == []


def test_tree_draws_what_is_there(stored: Commands) -> None:
    assert stored.done("tree", "animals:v0").lines == [
        "animals:v0",
        "├── best -> cats/tom.png",
        "├── cats/",
        "│   └── tom.png",
        "└── labels.csv",
        "",
        "1 directory, 3 files, 5.0 KiB",
    ]
    assert stored.done("tree", "-L", "1", "animals:v0").lines[2:4] == ["├── cats/", "└── labels.csv"]


def test_tree_as_json_nests(stored: Commands) -> None:
    top = stored.done("tree", "animals:v0", "--json").json
    assert [child["path"] for child in top["children"]] == ["best", "cats", "labels.csv"]
    assert top["children"][1]["children"][0]["path"] == "cats/tom.png"
    assert "children" not in stored.done("tree", "-L", "1", "animals:v0", "--json").json["children"][1]
    assert stored.done("tree", "animals:v0/labels.csv", "--json").json["kind"] == "file"


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A directory of 1,500 directories in each other; taken away by `rm`, because shutil cannot."""
    path = top = tmp_path / "deep"
    for _level in range(1500):
        path.mkdir()
        path /= "d"
    yield top
    subprocess.run(["rm", "-rf", top], check=True)


def test_a_tree_deeper_than_pythons_stack_is_listed_drawn_and_compared(artfs: Commands, deep: Path) -> None:
    artfs.done("put", deep, "-n", "deep")
    assert len(artfs.done("ls", "-R", "deep").lines) == 1499
    assert len(artfs.done("tree", "deep").lines) == 1499 + 3
    assert artfs.done("tree", "deep", "--json").out.count(b'"kind"') == 1500
    artfs.done("put", deep / "d", "-n", "deep")
    assert artfs.done("diff", "deep:v0", "deep:v1").lines[-1].startswith("0 added, 1 removed")


def test_cat_writes_the_bytes_of_files_one_after_the_other(stored: Commands, tmp_path: Path) -> None:
    data = os.urandom(5_000_000)
    (tmp_path / "big").write_bytes(data)
    stored.done("put", tmp_path / "big", "-n", "big")
    assert stored.done("cat", "animals:v0/labels.csv", "big/big", "animals/labels.csv").out == (
        b"tom,cat\n" + data + b"kit,cat\ntom,dog\n"
    )


def test_cat_follows_links_inside_the_version_only(artfs: Commands, images: Path) -> None:
    (images / "dir").symlink_to("cats")
    (images / "cats/up").symlink_to("../cats/./../best")
    for name, target in (("out", "/etc/passwd"), ("above", "../labels.csv"), ("loop", "loop"), ("gone", "nothing")):
        (images / name).symlink_to(target)
    artfs.noted("put", images, "-n", "animals")
    tom = (images / "cats/tom.png").read_bytes()
    assert artfs.done("cat", "animals/best", "animals/dir/tom.png", "animals/cats/up").out == 3 * tom
    assert "leads out of the version" in artfs("cat", "animals/out").failed(2)
    assert "leads out of the version" in artfs("cat", "animals/above").failed(2)
    assert "in circles" in artfs("cat", "animals/loop").failed(2)
    assert "no 'nothing' in" in artfs("cat", "animals/gone").failed(3)
    assert "no directory" in artfs("cat", "animals/best/more").failed(3)


def test_cat_writes_nothing_when_one_of_its_files_is_not_there(stored: Commands) -> None:
    ended = stored("cat", "animals/labels.csv", "animals/gone")
    assert ended.out == b""
    ended.failed(3)


def test_log_lists_versions_the_newest_first(stored: Commands) -> None:
    header, newest, oldest = stored.done("log", "animals").lines
    assert header.split() == ["VERSION", "LOGGED", "SIZE", "ENTRIES", "ALIASES", "TAGS", "DESCRIPTION"]
    assert newest.split()[0] == "v1"
    assert newest.split()[-1] == "latest"
    assert oldest.split()[-3:] == ["best", "clean", "first"]
    assert [version["version"] for version in stored.done("log", "animals", "--json").json] == ["v1", "v0"]
    assert [version["version"] for version in stored.done("log", "animals", "-n", "1", "--json").json] == ["v1"]


def test_versions_are_found_by_their_tags(stored: Commands, images: Path) -> None:
    stored.noted("put", images, "-n", "animals", "--tag", "fresh", "--tag", "small")
    stored.noted("put", images, "-n", "animals", "--tag", "fresh")
    stored.done("put", images, "-n", "zoo", "--tag", "fresh")
    log = [row["version"] for row in stored.done("log", "animals", "--tag", "fresh", "--json").json]
    assert log == ["v3", "v2"]
    assert stored.done("log", "animals", "--tag", "fresh", "--tag", "small").lines[1].startswith("v2 ")
    assert stored.done("log", "animals", "--tag", "fresh", "-n", "1").lines[1].startswith("v3 ")
    lines = stored.done("ls", "--tag", "fresh").lines
    assert [line.split()[0] for line in lines] == ["VERSION", "animals:v2", "animals:v3", "zoo:v0"]
    assert [row["ref"] for row in stored.done("ls", "--tag", "fresh", "--tag", "small", "--json").json] == [
        "animals:v2"
    ]
    assert "`artfs log NAME --tag TAG`" in stored("ls", "animals", "--tag", "fresh").failed(2)


def test_aliases_of_all_artifacts_are_listed_without_a_name(stored: Commands, images: Path) -> None:
    stored.done("put", images, "-n", "zoo")
    assert [line.split() for line in stored.done("alias", "ls").lines[1:]] == [
        ["animals:best", "animals:v0"],
        ["animals:latest", "animals:v1"],
        ["zoo:latest", "zoo:v0"],
    ]
    assert stored.done("alias", "ls", "--json").json[0] == {"artifact": "animals", "alias": "best", "version": "v0"}


def test_show_tells_all_of_a_version(stored: Commands) -> None:
    text = stored.done("show", "animals:best").text
    for line in (
        "ref:         animals:v0",
        "aliases:     best",
        "tags:        clean",
        "description: first",
        '  "n": 1',
    ):
        assert line in text.split("\n")
    shown = stored.done("show", "animals:v0", "--json").json
    assert list(shown) == [
        *("ref", "artifact", "version", "type", "aliases", "tags", "description", "metadata", "digest", "size"),
        *("entries", "created", "ttl_seconds", "expires", "logged_by", "source"),
    ]


def test_a_description_of_several_lines_is_shown_as_such(stored: Commands) -> None:
    stored.done("edit", "animals", "--description", "one\n\ntwo")
    lines = stored.done("show", "animals").lines
    assert lines[lines.index("description: one") :][1:3] == ["             ", "             two"]
    assert "one\\n\\ntwo" in stored.done("log", "animals").text


def test_diff_says_what_was_added_removed_and_modified(stored: Commands) -> None:
    assert stored.done("diff", "animals:v0", "animals").lines == [
        "A              +3 cats/kit.png",
        "D          -5,120 cats/tom.png",
        "M              +8 labels.csv",
        "1 added, 1 removed, 1 modified; +19 B -5.0 KiB",
    ]
    changes = stored.done("diff", "animals:v0", "animals:v1", "--json").json
    assert (changes["old"], changes["new"]) == ("animals:v0", "animals:v1")
    assert [(row["path"], row["change"]) for row in changes["changes"]] == [
        ("cats/kit.png", "added"),
        ("cats/tom.png", "removed"),
        ("labels.csv", "modified"),
    ]
    assert changes["changes"][2]["old"]["size"] == 8
    assert changes["summary"] == {
        "added": 1,
        "removed": 1,
        "modified": 1,
        "bytes_added": 19,
        "bytes_removed": 5128,
    }


def test_diff_of_equal_versions_ends_well_and_says_nothing_changed(stored: Commands) -> None:
    stored.done("restore", "animals:v0")
    assert stored.done("diff", "animals:v0", "animals").lines == ["0 added, 0 removed, 0 modified; +0 B -0 B"]
    assert stored.done("diff", "animals", "animals:v0", "--json").json["changes"] == []


def test_diff_tells_modes_and_kinds(artfs: Commands, images: Path) -> None:
    artfs.done("put", images, "-n", "animals")
    (images / "labels.csv").chmod(0o755)
    (images / "best").unlink()
    (images / "best").mkdir()
    artfs.done("put", images, "-n", "animals")
    lines = artfs.done("diff", "animals:v0", "animals:v1").lines
    assert lines[0].endswith(" best/ (symlink -> directory)")
    assert lines[1].endswith(" -> 0755)")
