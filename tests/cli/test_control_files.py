"""The directories `.artfs` of a staging mount, as programs use them that know nothing of artfs; and its root."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import Commands


def _fails(number: int, call: Callable[[], object]) -> None:
    with pytest.raises(OSError, match=re.escape(os.strerror(number))):
        call()


def _shell(line: str, directory: Path) -> tuple[int, str]:
    ended = subprocess.run(
        ["sh", "-c", line], check=False, cwd=directory, stdout=subprocess.PIPE, text=True, timeout=60
    )
    return ended.returncode, ended.stdout


def _done(draft: Path) -> str:
    """What `commit` says when a commit has ended."""
    while (said := (draft / ".artfs/commit").read_text()).startswith(("committing", "waiting")):
        os.sched_yield()
    return said


def test_mkdir_opens_an_empty_draft_and_rmdir_closes_one(stored: Commands, staging: Path) -> None:
    """Directories in the root are drafts.

    S18: The root of a staging mount has one directory per open draft. `mkdir` there opens an empty draft for the
    artifact of that name, and `rmdir` closes one in which there is nothing.
    """
    assert os.listdir(staging) == []
    for name in ("animals", "birds"):
        (staging / name).mkdir()
        assert os.listdir(staging / name) == []
    assert sorted(os.listdir(staging)) == ["animals", "birds"]
    assert json.loads((staging / ".artfs/drafts").read_bytes()) == [
        {"name": "animals", "number": 1, "runs": []},
        {"name": "birds", "number": 2, "runs": []},
    ]
    (staging / "birds/a").write_text("a")
    assert stored.done("commit", staging / "birds").text == "birds:v0"
    _fails(errno.ENOTEMPTY, (staging / "birds").rmdir)
    (staging / "animals").rmdir()
    (staging / "birds/a").unlink()
    (staging / "birds").rmdir()
    assert os.listdir(staging) == []
    stored.done("stage", "birds")
    _fails(errno.EEXIST, (staging / "birds").mkdir)
    _fails(errno.EINVAL, (staging / "a,b").mkdir)


def test_nothing_else_can_be_made_in_the_root(draft: Path) -> None:
    """S18: Nothing else can be made, moved or removed there: EPERM."""
    root = draft.parent
    _fails(errno.EPERM, (root / "file").touch)
    _fails(errno.EPERM, lambda: (root / "link").symlink_to("animals"))
    _fails(errno.EPERM, lambda: os.mkfifo(root / "pipe"))
    _fails(errno.EPERM, lambda: draft.rename(root / "other"))
    _fails(errno.EPERM, lambda: (draft / "cats").rename(root / "cats"))
    _fails(errno.EPERM, lambda: os.link(draft / "labels.csv", root / "labels.csv"))
    _fails(errno.EPERM, (root / ".artfs/drafts").unlink)
    assert os.listdir(root) == ["animals"]


def test_the_control_directory_is_not_listed_and_nothing_can_be_put_there(draft: Path, tmp_path: Path) -> None:
    """Programs that copy a draft do not see it.

    S23: `.artfs` at the top of a draft is its control directory: it is not listed, and nothing in it can be made,
    moved or removed.
    """
    assert sorted(os.listdir(draft)) == ["best", "cats", "labels.csv"]
    assert sorted(os.listdir(draft / ".artfs")) == ["commit", "conflicts", "meta", "result", "status"]
    subprocess.run(["cp", "-a", f"{draft}/.", tmp_path / "copy"], check=True)
    assert sorted(os.listdir(tmp_path / "copy")) == ["best", "cats", "labels.csv"]
    control = draft / ".artfs"
    _fails(errno.EPERM, (control / "new").touch)
    _fails(errno.EPERM, (control / "new").mkdir)
    _fails(errno.EPERM, (control / "status").unlink)
    _fails(errno.EPERM, lambda: (control / "status").rename(draft / "status"))
    _fails(errno.EPERM, lambda: (draft / "best").rename(control / "best"))
    _fails(errno.EPERM, control.rmdir)
    _fails(errno.EPERM, lambda: control.rename(draft / "away"))
    _fails(errno.EPERM, lambda: (draft / "cats").rename(control))
    (draft / "cats/.artfs").mkdir()  # it is reserved at the top only
    (draft / "cats/.artfs").rmdir()


def test_any_program_commits_by_writing_a_message(stored: Commands, draft: Path) -> None:
    """S37: Writing a message, or a JSON object, into `.artfs/commit` commits, from any program in any container."""
    assert (draft / ".artfs/commit").read_bytes() == b""
    assert _shell("echo new > new && echo 'from a shell' > .artfs/commit", draft) == (0, "")
    assert _done(draft) == "animals:v1\n"
    assert stored.done("show", "animals", "--json").json["description"] == "from a shell"
    assert _shell('rm new && echo \'{"message": "again", "aliases": ["gone"]}\' > .artfs/commit', draft) == (0, "")
    assert _done(draft) == "animals:v2\n"
    assert {"alias": "gone", "version": "v2"} in stored.done("alias", "ls", "animals", "--json").json
    results = json.loads((draft / ".artfs/result").read_bytes())
    assert [(result["ref"], result["state"], result["created"]) for result in results] == [
        ("animals:v1", "committed", True),
        ("animals:v2", "committed", True),
    ]


@pytest.mark.parametrize("text", ['{"aliases": ["v7"]}', '{"messsage": "x"}', "{", '{"wait": -1}'])
def test_a_request_that_is_not_allowed_is_refused_at_once(draft: Path, text: str) -> None:
    """S37: reading the file tells how far it is: `committing 40%`, `animals:v3` or `error: ...`."""
    _fails(errno.EINVAL, lambda: (draft / ".artfs/commit").write_text(text))
    assert (draft / ".artfs/commit").read_text().startswith("error: ")
    assert (draft / ".artfs/commit").read_text().endswith("\n")
    assert json.loads((draft / ".artfs/result").read_bytes())[-1]["error"] == "InvalidInputError"


def test_a_second_request_is_refused_while_one_is_under_way(draft: Path) -> None:
    with (draft / "open").open("w"):
        (draft / ".artfs/commit").write_text('{"wait": 60, "token": "first"}')
        assert (draft / ".artfs/commit").read_text() == "waiting for 1 open file\n"
        _fails(errno.EBUSY, lambda: (draft / ".artfs/commit").write_text("second"))
        (result,) = json.loads((draft / ".artfs/result").read_bytes())
        assert (result["token"], result["state"], result["message"]) == ("first", "waiting", "waiting for 1 open file")
    assert _done(draft) == "animals:v1\n"


def test_meta_is_a_file_that_keeps_what_is_allowed(draft: Path) -> None:
    meta = draft / ".artfs/meta"
    assert json.loads(meta.read_bytes())["tags"] == []
    meta.write_text('{"tags": ["a"], "description": "d"}')
    assert json.loads(meta.read_bytes())["tags"] == ["a"]
    _fails(errno.EINVAL, lambda: meta.write_text('{"tags": ["a  b"]}'))
    _fails(errno.EINVAL, lambda: meta.write_text("words"))
    assert json.loads(meta.read_bytes())["description"] == "d"


def test_status_is_a_file_and_ends_where_it_gets_long(draft: Path) -> None:
    assert (draft / ".artfs/status").read_text() == "animals from animals:v0\n"
    (draft / "labels.csv").write_text("")
    assert (draft / ".artfs/status").read_text() == "animals from animals:v0\nM labels.csv\n"
    for number in range(1005):
        (draft / f"{number:04}").touch()
    lines = (draft / ".artfs/status").read_text().splitlines()
    assert len(lines) == 1002
    assert lines[1:3] == ["A 0000", "A 0001"]
    assert lines[-1] == "and more: `artfs status` lists all"


def test_what_a_draft_is_to_ignore_stays_in_it(stored: Commands, draft: Path) -> None:
    """As git's users know it.

    S36: What `.artfsignore` at the top of a draft names, by gitignore's patterns, stays in the draft and is not in
    the version.
    """
    (draft / ".artfsignore").write_text("*.tmp\nbuild/\n!keep.tmp\n")
    (draft / "build/deep").mkdir(parents=True)
    for name in ("a.tmp", "keep.tmp", "cats/b.tmp", "build/c", "build/deep/d", "e"):
        (draft / name).write_text(name)
    stored.done("commit", draft)
    listed = stored.done("ls", "-R", "animals").lines
    assert listed == [".artfsignore", "best", "cats/", "cats/tom.png", "e", "keep.tmp", "labels.csv"]
    assert (draft / "build/deep/d").read_text() == "build/deep/d"
    (draft / ".artfsignore").unlink()
    stored.done("commit", draft)
    assert "build/deep/d" in stored.done("ls", "-R", "animals").lines


def test_a_draft_goes_on_after_a_commit(stored: Commands, draft: Path) -> None:
    """No program in it has to begin again.

    S33: After a commit the draft goes on: the same names, inode numbers and open files, and changes are counted against
    the version just made.
    """
    (draft / "new").write_text("new")
    numbers = {path: path.stat().st_ino for path in (draft, draft / "cats", draft / "cats/tom.png", draft / "new")}
    with (draft / "new").open() as new, (draft / "cats/tom.png").open("rb") as old:
        assert stored.done("commit", draft).text == "animals:v1"
        assert {path: path.stat().st_ino for path in numbers} == numbers
        assert (new.read(), len(old.read())) == ("new", 5120)
    (draft / "new").write_text("newer")
    assert (draft / ".artfs/status").read_text() == "animals from animals:v1\nM new\n"


def test_a_draft_outlives_the_version_it_was_opened_over(stored: Commands, draft: Path) -> None:
    """It needs neither.

    S27: A draft outlives its mount, and the version that it was opened over: when that is deleted the draft reads
    on.
    """
    stored.done("rm", "animals:v0", "--delete-aliases")
    assert (draft / "cats/tom.png").read_bytes() == bytes(range(256)) * 20
    (draft / "new").write_text("new")
    art = draft.parent.with_name("art")
    assert stored.process("umount", art, draft.parent).code == 0
    assert stored.process("mount", art, "--staging", draft.parent).code == 0
    assert (draft / "cats/tom.png").read_bytes() == bytes(range(256)) * 20
    assert stored.done("commit", draft).text == "animals:v1"
    assert stored.done("cat", "animals/cats/tom.png").out == bytes(range(256)) * 20
