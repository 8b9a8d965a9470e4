"""`artfs umount` says what it waits for, and the commit that it waits for can be left going on or given up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.mountinfo import find_mount
from tests.support.data.checked import assert_clean
from tests.support.mounts.mounts import ROOT, children, is_alive, wait_until
from tests.support.mounts.stagedstore import StagedStore

INTERRUPTED = 130


@pytest.fixture
def draft(staged: StagedStore) -> Path:
    """A draft whose commit is stuck, since the storer was stopped."""
    draft = staged.stage("animals")
    (draft / "file").write_bytes(b"file" * 100_000)
    return draft


def _umount(staged: StagedStore, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "artfs.cli", "umount", *options, str(staged.mountpoint)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_umount_says_what_it_waits_for_and_an_interrupt_leaves_the_commit_going_on(
    staged: StagedStore, draft: Path
) -> None:
    storer, supervisor = staged.storer, staged.supervisor
    os.kill(storer, signal.SIGSTOP)
    staged.ask(draft)
    waiting = _umount(staged)
    assert waiting.stderr is not None
    line = waiting.stderr.readline()
    assert line.startswith("artfs: waiting for the commit of animals (0%), ")
    assert line.endswith("; Ctrl-C leaves it going on\n")
    waiting.send_signal(signal.SIGINT)
    out, error = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (INTERRUPTED, "")
    assert f"{staged.mountpoint} is unmounted, and the commit of animals (0%) goes on: see " in error
    assert error.count("\n") == 1
    assert find_mount(os.fspath(staged.mountpoint)) is None
    assert is_alive(supervisor)
    os.kill(storer, signal.SIGCONT)
    wait_until(lambda: not is_alive(supervisor))
    assert staged.versions("animals") == ["animals:v0"]


def test_umount_gives_a_commit_up_if_asked_and_the_draft_is_as_it_was(staged: StagedStore, draft: Path) -> None:
    """S54: Ctrl-C ends the waiting and not the commit, and `--give-up` ends the commit."""
    family = [staged.supervisor, *children(staged.supervisor)]
    os.kill(staged.storer, signal.SIGSTOP)
    staged.ask(draft)
    ended = _umount(staged, "--give-up")
    out, _error = ended.communicate(timeout=60)
    assert (ended.returncode, out) == (0, f"unmounted {staged.mountpoint}\n")
    wait_until(lambda: not any(is_alive(pid) for pid in family))
    assert staged.versions("animals") == []
    staged.mount()
    assert (draft / "file").read_bytes() == b"file" * 100_000
    assert staged.commit(draft) == "animals:v0"
    staged.umount()
    assert_clean(staged.store)
