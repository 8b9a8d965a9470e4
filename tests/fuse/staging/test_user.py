"""Drafts of an ordinary user, who mounts through fusermount3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounts.mounts import NOBODY, ROOT, as_user


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that any user reaches, and this one owns."""
    with tempfile.TemporaryDirectory(prefix="artfs-user-") as name:
        user = NOBODY if os.geteuid() == 0 else os.geteuid()
        os.chown(name, user, -1)
        yield Path(name)


def test_a_user_has_drafts_of_their_own_and_commits_them(place: Path) -> None:
    command = as_user(sys.executable, "-m", "tests.support.programs.stage_user", place)
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    seen = json.loads(ended.stdout)
    assert seen.pop("user") != 0
    assert seen == {
        "mine": True,
        "after a kill": "12",
        "commit": "animals:v0",
        "version": ["a", "b"],
        "drafts": [],
        "troubles": [],
    }
