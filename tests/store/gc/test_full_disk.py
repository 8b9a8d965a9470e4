"""On a full disk things can be deleted, and gc gives their space back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.mounts.mounts import ROOT, apart


def test_a_store_on_a_full_disk_can_delete_and_collect(tmp_path: Path) -> None:
    """In a small file system of its own."""
    namespace = apart()
    mount = 'mount -t tmpfs -o size=80m,mode=700 artfs-test "$0" && exec "$@"'
    child = [sys.executable, "-m", "tests.support.programs.gc_full_child", str(tmp_path)]
    command = [*namespace, "sh", "-c", mount, str(tmp_path), *child]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == {
        "made": [0, 0, 0],
        "put": 8,
        "rm": 0,
        "gc": 0,
        "freed": True,
        "get": 0,
        "same": True,
    }, ended.stderr
