"""Tests that mount file systems: root runs them as they are, other users as root of a namespace of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from tests.support.mounts.mounts import ROOT, apart

__all__ = ["run_apart"]


def run_apart(items: list[pytest.Item]) -> None:
    """Replace each test that is marked `by_root` by one that runs it in a namespace, unless root runs it anyway."""
    if os.geteuid() == 0:
        return
    for at, item in enumerate(items):
        if isinstance(item, pytest.Function) and item.get_closest_marker("by_root") is not None:
            items[at] = pytest.Function.from_parent(item.parent, name=item.name, callobj=partial(_run, item.nodeid))


def _run(test: str) -> None:
    pytest_line = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", test]
    ended = subprocess.run([*apart(), *pytest_line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout
