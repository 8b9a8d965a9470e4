"""Files that a draft ignores, as a program has them open."""

from __future__ import annotations

import pytest

from artfs.ignore_rules import MAX_IGNORE_BYTES
from tests.support.mounts.stagedstore import StagedStore


def test_an_ignored_file_that_is_open_for_writing_is_not_waited_for(staged: StagedStore) -> None:
    """A training job writes its log for days.

    S31: A file that is open for writing is waited for, 5 seconds unless the request says otherwise; then the commit
    fails and names it. One that is ignored is not.
    """
    draft = staged.stage("model", empty=True)
    (draft / ".artfsignore").write_text("*.log\n/runs/\n")
    (draft / "runs").mkdir()
    (draft / "weights").write_bytes(b"1")
    with (draft / "train.log").open("w") as log, (draft / "runs/events").open("w") as events:
        log.write("epoch 1\n")
        log.flush()
        assert staged.commit(draft, wait=0) == "model:v0"
        log.write("epoch 2\n")
        log.flush()
        events.write("event\n")
        (draft / "weights").write_bytes(b"2")
        assert staged.commit(draft, wait=0) == "model:v1"
        assert (draft / ".artfs/status").read_text().splitlines() == ["model from model:v1"]
        (draft / "train.log").rename(draft / "train.txt")
        with pytest.raises(OSError, match="Invalid argument"):
            staged.ask(draft, wait=0)
        refused = (draft / ".artfs/commit").read_text()
        assert refused == "error: still open for writing: train.txt; close them and commit again\n"
    assert staged.commit(draft, wait=0) == "model:v2"
    assert (staged.extracted("model:v2") / "train.txt").read_text() == "epoch 1\nepoch 2\n"
    assert sorted(path.name for path in staged.extracted("model:v2").iterdir()) == [
        ".artfsignore",
        "train.txt",
        "weights",
    ]


def test_an_ignored_file_that_was_open_in_a_commit_is_stored_whole_once_it_is_not_ignored(staged: StagedStore) -> None:
    draft = staged.stage("model", empty=True)
    (draft / ".artfsignore").write_text("*.log\n")
    with (draft / "train.log").open("wb", buffering=0) as log:
        log.write(b"a" * 3_000_000)
        assert staged.commit(draft, wait=0) == "model:v0"
        log.write(b"b" * 3_000_000)
    (draft / ".artfsignore").unlink()
    assert staged.commit(draft) == "model:v1"
    assert (staged.extracted("model:v1") / "train.log").read_bytes() == b"a" * 3_000_000 + b"b" * 3_000_000


def test_patterns_that_once_never_ended_end_a_commit_of_many_names_and_hold_up_no_other_draft(
    staged: StagedStore,
) -> None:
    slow, other = staged.stage("slow", empty=True), staged.stage("other", empty=True)
    (slow / ".artfsignore").write_text("*a" * 10 + "b\n")
    for number in range(100):
        (slow / ("a" * 200 + str(number))).touch()
    (other / "file").touch()
    token = staged.ask(slow)
    assert staged.commit(other) == "other:v0"
    assert staged.ended(slow, token)["ref"] == "slow:v0"


def test_too_many_patterns_are_said_by_status_and_commit(staged: StagedStore) -> None:
    draft = staged.stage("model", empty=True)
    (draft / ".artfsignore").write_bytes(b"a\n" * MAX_IGNORE_BYTES)
    assert "'.artfsignore': " in (draft / ".artfs/status").read_text()
    result = staged.ended(draft, staged.ask(draft))
    assert (result["state"], result["error"]) == ("failed", "InvalidInputError")
    assert result["message"].startswith("'.artfsignore': ")
