"""Machines that commit at once to one store at a URL, over requests that fail: B1 of the store on object storage."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from artfs.remotes import open_remote
from tests.support.data.machines import versions_and_authors
from tests.support.objects import servers
from tests.support.objects.sources import make_s3_bucket, s3_environment

__all__ = ["commit_at_once", "commit_at_once_everywhere", "start_machine"]

ROOT = Path(__file__).parents[3]
_MACHINES = 8
_COMMITS = 20
_PATIENCE_S = 240


def start_machine(*arguments: str) -> subprocess.Popen[str]:
    """Start `machine_child`."""
    line = [sys.executable, "-m", "tests.support.programs.machine_child", *arguments]
    return subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def commit_at_once(url: str, top: Path, *, machines: int, commits: int, seed: int) -> None:
    """Let machines commit at once; check that each version is there once, and the chain whole, for a new machine.

    Args:
        url: Of an empty store, which this process's environment leads to.
        top: An empty directory.
        machines: How many.
        commits: Of each.
        seed: Of the failures.
    """
    children = [
        start_machine("commit", url, str(top / f"m{number}"), f"m{number}", str(commits), str(seed + number))
        for number in range(machines)
    ]
    try:
        for each in children:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in children:
            assert each.stdin is not None
            each.stdin.write("\n")
            each.stdin.flush()
        outputs = [each.communicate(timeout=_PATIENCE_S)[0] for each in children]
    finally:
        for each in children:
            each.kill()
            each.wait()
    assert [each.returncode for each in children] == [0] * machines
    said = sorted((int(index), f"m{number}") for number, text in enumerate(outputs) for index in text.split())
    assert [index for index, _author in said] == list(range(machines * commits))
    assert versions_and_authors(top / "new", open_remote(url, os.environ)) == said


def commit_at_once_everywhere(seed: int) -> None:
    """Do so with a directory and two S3 servers."""
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="artfs-torture-")))
        moto = stack.enter_context(servers.moto(top / "moto"))
        make_s3_bucket(moto, "tests")
        weed = stack.enter_context(servers.seaweedfs(top / "weed"))
        make_s3_bucket(weed, "tests")
        for name, endpoint in (("directory", ""), ("moto", moto), ("seaweedfs", weed)):
            here = top / f"at-{name}"
            here.mkdir()
            url = f"s3://tests/{secrets.token_hex(8)}" if endpoint else f"file://{here}/store"
            with patch.dict(os.environ, s3_environment(endpoint, here) if endpoint else {}):
                commit_at_once(url, here, machines=_MACHINES, commits=_COMMITS, seed=seed)
