"""Drafts on a disk that is full."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.mounts import ROOT, apart


def test_a_full_disk_is_told_and_nothing_is_lost_and_what_is_removed_makes_room(tmp_path: Path) -> None:
    """The store is on a file system of 80 MiB.

    S26: A full disk gives ENOSPC to whoever writes, and EDQUOT, EIO and EROFS are passed on as they are. The draft
    stays as it was before that request, and takes the next one.
    """
    namespace = apart()
    mount = 'mount -t tmpfs -o size=80m,mode=700 artfs-test "$0" && exec "$@"'
    program = [sys.executable, "-m", "tests.support.full_child", str(tmp_path)]
    ended = subprocess.run(
        [*namespace, "sh", "-c", mount, str(tmp_path), *program],
        cwd=ROOT,
        capture_output=True,
        timeout=200,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    seen = json.loads(ended.stdout)
    assert seen.pop("commit") in {"ENOSPC", "StorageError"}
    assert seen == {
        "errors": ["ENOSPC"],
        "written": True,
        "whole": True,
        "still whole": True,
        "after": True,
        "kept": True,
        "version": True,
    }
