"""What a full disk refuses is never missing in a version without a word."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mounts.mounts import ROOT, apart
from tests.support.programs.refused_writer import SIZE, WAYS

MESSAGE = (
    "writes to 'append', 'copy-file-range', 'mmap', 'rename-over', 'truncate-and-extend' and 2 more were refused, as on"
    " a full disk: bytes are missing; write it again from the beginning, truncate or remove it, and commit again"
)


@pytest.mark.parametrize(
    ("ending", "cache"), [("well", "gathered"), ("killed", "gathered"), ("never", "gathered"), ("killed", "through")]
)
def test_no_version_lacks_bytes_of_a_file_that_a_full_disk_refused(tmp_path: Path, ending: str, cache: str) -> None:
    """Each way of writing, each ending of the program; the kernel gathers writes, or hands each over.

    S57: A file to which a write was refused, also one that the kernel had gathered or that came from a mapping, lacks
    bytes: until these are written again, cut off, or the file is removed, whoever opens it and reads there, or writes a
    part of a page there that the kernel has to read first, gets EIO, `status` lists it with `!`, and a commit fails and
    names it; also after a kill, and in the next mount.
    """
    mount = 'mount -t tmpfs -o size=40m,mode=700 artfs-test "$0" && exec "$@"'
    child = [sys.executable, "-m", "tests.support.programs.refused_child", ending, cache, str(tmp_path)]
    ended = subprocess.run(
        [*apart(), "sh", "-c", mount, str(tmp_path), *child],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    seen = json.loads(ended.stdout)
    assert seen.pop("while open", None) == (["failed", "ConflictError"] if ending == "never" else None)
    # Where each write is handed over, a program knows how much was taken, and that is the file.
    extended = WAYS if cache == "gathered" else {"mmap", "truncate-and-extend"}
    assert seen == {
        "marked": sorted(WAYS),
        "read": {way: "EIO" if way in extended else "done" for way in WAYS},
        "commit": ["failed", "SourceError", MESSAGE],
        "marked in the next mount": sorted(WAYS),
        "versions": [],
        "left": ["copy-file-range", "writev"],
        "stored": {"copy-file-range": 0, "mmap": SIZE, "truncate-and-extend": SIZE, "write": SIZE},
    }
