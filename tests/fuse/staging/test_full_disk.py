"""Drafts on a disk that is full, and on one that fills up again and again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.mounts.mounts import ROOT, apart


def _outcome(scenario: str, place: Path) -> Any:
    """What came of a scenario, in a small file system that nobody else sees."""
    namespace = apart()
    mount = 'mount -t tmpfs -o size=32m,mode=700 artfs-test "$0" && exec "$@"'
    child = [sys.executable, "-m", "tests.support.programs.full_disk_child", scenario, str(place)]
    command = [*namespace, "sh", "-c", mount, str(place), *child]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def test_a_write_on_a_full_disk_fails_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    """The kernel gathers writes, and a process that is killed or another mount changes nothing.

    S26: A full disk gives ENOSPC to the writer, and EDQUOT, EIO and EROFS are passed on as they are. The draft
    stays as it was before that request, and takes the next one.
    """
    assert _outcome("writing", tmp_path) == {
        "refused": ["ENOSPC"],
        "many": True,
        "intact": True,
        "removed": ["done"],
        "written again": ["done"],
    }


def test_without_a_byte_left_files_can_be_removed_and_a_commit_says_why_it_fails(tmp_path: Path) -> None:
    assert _outcome("gone", tmp_path) == {
        "write": "ENOSPC",
        "commit": [
            "ENOSPC",
            "failed",
            "StorageError",
            "freezing animals: No space left on device; free some space and repeat",
        ],
        "intact": True,
        "intact for the next": True,
        "status": [0, True, True, ""],
        "after the kill": "ENOSPC",
        "change": "ENOSPC",
        "removed": ["done"] * 5,
        "in its place": "done",
        "committed": True,
    }


def test_a_commit_that_there_is_no_room_for_leaves_the_draft_as_it_was(tmp_path: Path) -> None:
    """S32: A commit that fails has published nothing, and the draft is as it was."""
    seen = _outcome("storing", tmp_path)
    asked, state, error, message = seen.pop("commit")
    assert (asked, state, error) == ("done", "failed", "StorageError")
    assert "No space left on device; free some space and repeat" in message
    assert seen == {"versions": [], "intact": True, "change": "done", "committed": True}


def test_on_a_full_disk_nothing_is_lost_and_what_is_removed_makes_room(tmp_path: Path) -> None:
    """The store is on a file system of 80 MiB.

    S26: A full disk gives ENOSPC to the writer, and EDQUOT, EIO and EROFS are passed on as they are. The draft
    stays as it was before that request, and takes the next one.
    """
    namespace = apart()
    mount = 'mount -t tmpfs -o size=80m,mode=700 artfs-test "$0" && exec "$@"'
    program = [sys.executable, "-m", "tests.support.programs.full_child", str(tmp_path)]
    ended = subprocess.run(
        [*namespace, "sh", "-c", mount, str(tmp_path), *program],
        cwd=ROOT,
        capture_output=True,
        timeout=200,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    seen = json.loads(ended.stdout)
    assert seen.pop("commit") in {"ENOSPC", "StorageError", "SourceError"}  # the last: a file lacks refused bytes (S57)
    assert seen == {
        "errors": ["ENOSPC"],
        "written": True,
        "whole": True,
        "still whole": True,
        "after": True,
        "kept": True,
        "version": True,
    }
