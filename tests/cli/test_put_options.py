"""What `artfs put` leaves out, would do, and says of what it did."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import Commands, store_state
from tests.support.terminal import on_terminal


def test_exclude_leaves_out_what_its_patterns_name(artfs: Commands, images: Path) -> None:
    (images / ".artfsignore").write_text("*.tmp\n!keep.tmp\n")
    for name in ("a.log", "b.tmp", "keep.tmp", "cats/a.log"):
        (images / name).write_text(name)
    artfs.done("put", images, "-n", "one", "--exclude", "*.log", "--exclude", "/best", "--exclude", "keep.tmp")
    assert artfs.done("ls", "-R", "one").lines == [".artfsignore", "cats/", "cats/tom.png", "labels.csv"]
    artfs.done("put", images, "-n", "two", "--exclude", "*", "--exclude", "!*.log", "--exclude", "!b.tmp")
    assert artfs.done("ls", "-R", "two").lines == ["a.log", "b.tmp"]


def test_exclude_holds_for_paths_that_are_given_one_by_one(artfs: Commands, images: Path) -> None:
    paths = (images / "cats", images / "labels.csv", images / "best")
    artfs.done("put", *paths, "-n", "some", "--exclude", "labels.*", "--exclude", "tom.png")
    assert artfs.done("ls", "-R", "some").lines == ["best", "cats/"]
    assert "leave nothing to store" in artfs("put", *paths, "-n", "none", "--exclude", "*").failed(2)
    assert "ignore patterns" in artfs("put", images, "-n", "none", "--exclude", "x" * 70_000).failed(2)


def test_a_dry_run_says_what_would_be_stored_and_makes_not_even_a_store(artfs: Commands, images: Path) -> None:
    ended = artfs.done("put", images, "-n", "animals", "--dry-run", "--exclude", "best")
    assert ended.lines == [
        "A              +0 cats/",
        "A          +5,120 cats/tom.png",
        "A              +8 labels.csv",
        "2 files, 5.0 KiB would be stored in animals; 2 new and 0 changed with 5.0 KiB, 0 removed",
    ]
    assert not artfs.store.exists()


def test_a_dry_run_compares_with_the_latest_version(stored: Commands, images: Path) -> None:
    (images / "labels.csv").write_text("tom,dog\n")
    (images / "cats" / "kit.png").write_bytes(b"kit")
    (images / "cats" / "tom.png").unlink()
    before = store_state(stored.store)
    assert stored.done("put", images, "-n", "animals", "--dry-run").lines == [
        "A              +3 cats/kit.png",
        "D          -5,120 cats/tom.png",
        "M              +0 labels.csv",
        "2 files, 11 B would be stored in animals; 1 new and 1 changed with 11 B, 1 removed since animals:v0",
    ]
    document = stored.done("put", images, "-n", "animals", "--dry-run", "--json").json
    assert (document["dry_run"], document["old"], document["files"], document["bytes"]) == (True, "animals:v0", 2, 11)
    assert [row["change"] for row in document["changes"]] == ["added", "removed", "modified"]
    assert stored.done("put", images, "-n", "other", "--dry-run", "--json").json["old"] is None
    assert store_state(stored.store) == before


def test_a_dry_run_refuses_what_put_refuses(stored: Commands, images: Path) -> None:
    os.mkfifo(images / "fifo")
    assert "is a FIFO" in stored("put", images, "-n", "animals", "--dry-run").failed(5)
    said = stored("put", images / "fifo", "--name-in", "x", "-n", "animals", "--dry-run").failed(2)
    assert "leave --dry-run out" in said
    assert "holds the store itself" in stored("put", stored.store.parent, "-n", "x", "--dry-run").failed(5)


def test_a_hyphen_is_standard_input(artfs: Commands) -> None:
    artfs.done("init")
    line = artfs.line("put", "-", "--name-in", "shop.sql", "-n", "backup")
    ended = subprocess.run(line, input=b"create;", capture_output=True, env=artfs.environment, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"backup:v0\n", b"")
    assert artfs.done("cat", "backup/shop.sql").out == b"create;"
    assert "say with --name-in FILE" in artfs("put", "-", "-n", "backup").failed(2)
    Path("-").write_text("a file")
    artfs.done("put", "./-", "-n", "hyphen")
    assert artfs.done("ls", "hyphen").text == "-"


def test_a_terminal_is_no_standard_input_to_store(artfs: Commands) -> None:
    control, terminal = os.openpty()
    line = artfs.line("put", "-", "--name-in", "a", "-n", "x")
    ended = subprocess.run(line, stdin=terminal, capture_output=True, env=artfs.environment, timeout=60, check=False)
    os.close(control)
    os.close(terminal)
    assert ended.returncode == 2
    assert b"standard input is a terminal" in ended.stderr


def test_the_same_contents_make_a_version_and_are_said_to_be_the_same(stored: Commands, images: Path) -> None:
    again = stored.noted("put", images, "-n", "animals")
    assert again.text == "animals:v1"
    assert again.err == (
        b"artfs: animals:v1 has the same contents as animals:v0; with --if-changed no version is made then\n"
    )
    document = stored.done("put", images, "-n", "animals", "--json").json
    assert (document["same_as"], document["logged"], document["new_bytes"]) == ("animals:v1", True, 0)
    (images / "labels.csv").write_text("tom,dog\n")
    assert stored.done("put", images, "-n", "animals", "--json").json["same_as"] is None


@pytest.mark.parametrize("out", [True, False])
def test_put_says_on_a_terminal_what_it_did(artfs: Commands, images: Path, out: bool) -> None:
    line = artfs.line("put", images, "-n", "animals")
    code, printed, apart = on_terminal(line, artfs.environment, out=out)
    assert code == 0
    assert b"animals:v0 has 2 files, 5.0 KiB; 5.0 KiB were new\r\n" in printed
    assert out or apart == b"animals:v0\n"
    (images / "cats" / "copy.png").write_bytes((images / "cats" / "tom.png").read_bytes())
    document = artfs.done("put", images, "-n", "animals", "--json").json
    assert (document["files"], document["bytes"], document["new_bytes"]) == (3, 10_248, 0)
