"""`commit` as a command; what a commit promises is tested in tests/fuse/staging."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.terminal import on_terminal


def _version(artfs: Commands, ref: str = "animals") -> dict[str, object]:
    document: dict[str, object] = artfs.done("show", ref, "--json").json
    return document


def test_commit_finds_the_draft_from_any_directory_in_it(
    stored: Commands, draft: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (draft / "a").write_text("a")
    assert stored.done("commit", draft / "cats").text == "animals:v1"
    (draft / "b").write_text("b")
    monkeypatch.chdir(draft / "cats")
    assert stored.done("commit").text == "animals:v2"
    (draft / "c").write_text("c")
    link = tmp_path / "link"
    link.symlink_to(draft / "cats")
    assert stored.done("commit", link).text == "animals:v3"
    (draft / "d").write_text("d")
    assert stored.done("commit", draft / "cats/tom.png").text == "animals:v4"


@pytest.mark.parametrize("command", ["commit", "status", "discard"])
def test_a_path_in_no_draft_is_refused_with_the_reason(
    stored: Commands, draft: Path, command: str, images: Path
) -> None:
    assert "is in no draft" in stored(command, images).failed(3)
    assert "is the staging mount itself" in stored(command, draft.parent).failed(3)
    assert "does not exist" in stored(command, draft / "gone").failed(3)


def test_the_options_of_commit_are_those_of_put(stored: Commands, draft: Path) -> None:
    (draft / "a").write_text("a")
    done = stored.done(
        *("commit", draft, "-m", "größer", "-a", "best", "-a", "checked", "--tag", "two words", "-t", "dataset"),
        *("--meta", "lr=0.01", "--meta", "who=me", "--ttl", "1d", "--json"),
    )
    made = {"ref": "animals:v1", "artifact": "animals", "version": "v1", "logged": True, "merged": None, "runs": []}
    assert done.json == made
    version = _version(stored)
    assert version["description"] == "größer"
    assert sorted(version["aliases"]) == ["best", "checked", "latest"]  # type: ignore[call-overload]  # a list
    assert (version["tags"], version["metadata"]) == (["two words"], {"lr": 0.01, "who": "me"})
    assert version["ttl_seconds"] == 86_400


def test_what_meta_says_holds_and_options_go_before_it(stored: Commands, draft: Path) -> None:
    meta = {"description": "from meta", "metadata": {"a": 1, "b": 1}, "aliases": ["one"], "tags": ["x"]}
    (draft / ".artfs/meta").write_text(json.dumps(meta))
    (draft / "a").write_text("a")
    stored.done("commit", draft)
    version = _version(stored)
    assert (version["description"], version["metadata"]) == ("from meta", {"a": 1, "b": 1})
    (draft / "b").write_text("b")
    stored.done("commit", draft, "-m", "mine", "--meta", "b=2", "-a", "two", "--tag", "y")
    version = _version(stored)
    assert (version["description"], version["metadata"]) == ("mine", {"a": 1, "b": 2})
    assert sorted(version["aliases"]) == ["latest", "one", "two"]  # type: ignore[call-overload]  # a list
    assert version["tags"] == ["x", "y"]


def test_a_draft_that_nobody_touched_gives_its_version(stored: Commands, draft: Path) -> None:
    """No version says twice what another says.

    S34: A draft in which nothing was touched since its version has nothing to commit: the commit gives that
    version, as it was; one that says something of the version (message, aliases, tags, metadata, time to live) fails,
    and changes nothing. Unless it is forced, or that version was deleted meanwhile. With `if_changed` the latest
    version gets the aliases if it has these contents.
    """
    ended = stored("commit", draft)
    assert (ended.code, ended.text) == (0, "animals:v0")
    assert ended.err == (
        b"artfs: nothing was touched since animals:v0: no other version was made, and animals:v0 is as it was "
        b"(--force makes one; `artfs edit`, `artfs alias` and `artfs tag` change it)\n"
    )
    assert stored.done("commit", draft, "--force").text == "animals:v1"
    assert not stored("commit", draft, "--json").json["logged"]
    state = stored.done("log", "animals", "--json").json
    for given in (("-a", "stable"), ("-m", "back"), ("--tag", "x"), ("--meta", "a=1"), ("--ttl", "1d")):
        said = stored("commit", draft, *given).failed(4)
        assert said.startswith("nothing was touched since animals:v1: no version is made to which this applies: ")
        assert "--force makes one" in said
    assert stored.done("log", "animals", "--json").json == state
    assert stored.noted("commit", draft, "--if-changed", "-a", "stable", "-m", "back").text == "animals:v1"
    assert _version(stored, "animals:stable")["ref"] == "animals:v1"
    assert _version(stored, "animals:stable")["description"] == ""
    (draft / "labels.csv").write_text("tom,cat\n")
    ended = stored("commit", draft, "--if-changed")
    assert (ended.code, ended.text) == (0, "animals:v1")
    assert ended.err == b"artfs: animals:v1 has the same contents: no other version was made\n"
    stored.done("rm", "--delete-aliases", "animals:v1")
    assert stored.done("commit", draft).text == "animals:v2"


def test_a_commit_that_is_refused_tells_why_and_leaves_the_draft(stored: Commands, draft: Path) -> None:
    """Every kind of refusal.

    S32: A commit that fails has published nothing, and the draft is as it was.

    S35: A FIFO, socket or device makes the commit fail and is named.
    """
    (draft / "a").write_text("a")
    assert "has type dataset" in stored("commit", draft, "-t", "model").failed(4)
    assert "is not allowed" in stored("commit", draft, "-a", "v7").failed(2)
    assert "nested too deeply" in stored("commit", draft, "--meta", "a=" + "[" * 100 + "]" * 100).failed(2)
    assert "artfs edit" in stored("commit", draft, "--meta", f"a={'x' * 70_000}").failed(2)
    os.mkfifo(draft / "pipe")
    assert "pipe" in stored("commit", draft).failed(5)
    assert [version["ref"] for version in stored.done("log", "animals", "--json").json] == ["animals:v0"]
    assert sorted(os.listdir(draft)) == ["a", "best", "cats", "labels.csv", "pipe"]
    (draft / "pipe").unlink()
    assert stored.done("commit", draft).text == "animals:v1"


def test_a_file_that_is_open_for_writing_is_waited_for_and_then_named(stored: Commands, draft: Path) -> None:
    """Half a file is never committed.

    S31: A file that is open for writing is waited for, 5 seconds unless the request says otherwise; then the commit
    fails and names it.
    """
    with (draft / "growing.bin").open("wb") as file:
        file.write(b"half")
        file.flush()
        said = stored.process("commit", draft, "--wait", "0.1").failed(4)
        assert "growing.bin" in said
        assert "still open for writing" in said
        with subprocess.Popen(stored.line("commit", draft, "--wait", "60"), stdout=subprocess.PIPE) as process:
            _until_waiting(draft)
            file.write(b" and half")
            file.close()
            assert process.stdout is not None
            assert (process.stdout.read(), process.wait(60)) == (b"animals:v1\n", 0)
    assert stored.done("cat", "animals/growing.bin").out == b"half and half"


def _until_waiting(draft: Path) -> None:
    while b"waiting for" not in (draft / ".artfs/commit").read_bytes():
        os.sched_yield()


def test_another_commit_is_waited_for_and_then_reported(stored: Commands, draft: Path) -> None:
    with (
        (draft / "a").open("w") as file,
        subprocess.Popen(stored.line("commit", draft, "--wait", "60"), stdout=subprocess.PIPE) as first,
    ):
        _until_waiting(draft)
        said = stored.process("commit", draft, "--wait", "0").failed(4)
        assert "another commit" in said
        assert "waiting for" in said
        with subprocess.Popen(stored.line("commit", draft, "--force"), stdout=subprocess.PIPE) as second:
            file.close()
            assert (first.communicate()[0], first.returncode) == (b"animals:v1\n", 0)
            assert (second.communicate()[0], second.returncode) == (b"animals:v2\n", 0)


def test_ctrl_c_ends_the_waiting_and_not_the_commit(stored: Commands, draft: Path) -> None:
    with (draft / "a").open("w") as file:
        with subprocess.Popen(
            stored.line("commit", draft, "--wait", "60"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            _until_waiting(draft)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (130, b"")
        assert err.startswith(b"artfs: interrupted; a commit that has begun goes on: `cat ")
        file.write("a")
    while not (said := (draft / ".artfs/commit").read_bytes().strip()).startswith((b"animals", b"error")):
        os.sched_yield()
    assert said == b"animals:v1"


def test_a_commit_that_takes_a_while_draws_a_bar_on_a_terminal(stored: Commands, draft: Path) -> None:
    environment = {**stored.environment, "TERM": "xterm", "COLUMNS": "100"}
    with (draft / "a").open("w"):
        code, printed, out = on_terminal(stored.line("commit", draft, "--wait", "3"), environment, out=False)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode())
    assert (code, out) == (4, b"")
    assert "committing" in plain
    assert "waiting for" in plain
    (draft / "b").write_text("b")
    assert on_terminal(stored.line("commit", draft), environment, out=False) == (0, b"", b"animals:v1\n")


def test_a_commit_says_that_symlinks_lead_out_of_the_draft(stored: Commands, draft: Path) -> None:
    """The version is made.

    S73: Of a draft `artfs commit` and `.artfs/result` say it, for the symlinks that changed.
    """
    (draft / "cats/blob").symlink_to("../../blobs/aaa")
    (draft / "cats/absolute").symlink_to("/nowhere")
    (draft / "within").symlink_to("cats/../labels.csv")
    ended = stored("commit", draft)
    assert (ended.code, ended.text) == (0, "animals:v1")
    said = "2 symlinks lead out of the draft and will lead to nothing in the version; the first is "
    assert ended.err.decode() == f"artfs: {said}'cats/absolute' -> '/nowhere'\n"
    assert json.loads((draft / ".artfs/result").read_text())[-1]["message"].startswith(said)
    (draft / "new").write_text("x")
    stored.done("commit", draft)
