"""A staging mount that is asked to end by a signal, while it is used, and while a commit is made."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from artfs.fuse.prefork.supervisor import STOP_SECONDS
from artfs.mountinfo import find_mount
from tests.support.data.checked import assert_clean
from tests.support.mounts.mounts import children, is_alive, wait_until
from tests.support.mounts.stagedstore import StagedStore


def _ended(staged: StagedStore) -> float:
    """Ask the mount to end; the seconds until no process of it was left."""
    family = [staged.supervisor, *children(staged.supervisor)]
    assert len(family) == 3
    begin = time.monotonic()
    os.kill(family[0], signal.SIGTERM)
    wait_until(lambda: not any(is_alive(pid) for pid in family), 60.0)
    assert find_mount(os.fspath(staged.mountpoint)) is None
    return time.monotonic() - begin


def test_sigterm_ends_a_staging_mount_within_the_stated_bound_though_a_file_is_open(staged: StagedStore) -> None:
    """S54: Who still uses the mount is served for 5 seconds; then every request fails with ENOTCONN or ECONNABORTED."""
    draft = staged.stage("animals")
    (draft / "closed").write_bytes(b"closed")
    file = os.open(draft / "open", os.O_WRONLY | os.O_CREAT)
    os.write(file, b"synced")
    os.fsync(file)
    assert STOP_SECONDS <= _ended(staged) < STOP_SECONDS + 2.0
    with pytest.raises(OSError, match=r"connection abort|not connected"):
        os.fsync(file)
    os.close(file)
    staged.mount()
    assert {path.name: path.read_bytes() for path in draft.iterdir()} == {"closed": b"closed", "open": b"synced"}


def test_sigterm_sees_a_commit_through_that_has_begun(staged: StagedStore) -> None:
    draft = staged.stage("animals")
    (draft / "file").write_bytes(b"file" * 1_000_000)
    storer = staged.storer
    os.kill(storer, signal.SIGSTOP)
    token = staged.ask(draft)
    assert staged.result(draft, token)["state"] == "committing"
    supervisor = staged.supervisor
    os.kill(supervisor, signal.SIGTERM)
    wait_until(lambda: find_mount(os.fspath(staged.mountpoint)) is None)
    os.kill(storer, signal.SIGCONT)
    wait_until(lambda: not is_alive(supervisor))
    assert staged.versions("animals") == ["animals:v0"]


def test_sigterm_gives_a_commit_up_that_never_ends_and_the_draft_is_as_it_was(tmp_path: Path) -> None:
    """With a bound of 1 second for a commit.

    S54: one that is given up is in doubt, and the draft is as it was.
    """
    with StagedStore(tmp_path) as staged:
        staged.mount("hasty")
        draft = staged.stage("animals")
        (draft / "file").write_bytes(b"file" * 100_000)
        os.kill(staged.storer, signal.SIGSTOP)
        staged.ask(draft)
        _ended(staged)
        assert "it is given up" in staged.log()
        assert staged.versions("animals") == []
        staged.mount()
        assert (draft / "file").read_bytes() == b"file" * 100_000
        assert staged.commit(draft) == "animals:v0"
        staged.umount()
        assert_clean(staged.store)
