"""Scripts as users write them, around the libraries that they use, each in a process of its own.

The libraries stay out of the tests' own processes: they start threads, which a fork of a later test would not have.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.data import realdata
from tests.support.mounts.mountedstore import MountedStore

# A warning is an error, but for what Python 3.12 and later say of every fork beside a thread.
_WARNINGS = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., list[str]]:
    """Runs a script on the store `store` in the test's directory, and gives the lines that it printed."""

    def run(text: str, *arguments: object) -> list[str]:
        program = tmp_path / "script.py"
        program.write_text(textwrap.dedent(text))
        homes = {name: str(tmp_path / "home") for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME")}
        ended = subprocess.run(
            [sys.executable, *_WARNINGS, program, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **homes, "ARTFS_STORE": str(tmp_path / "store"), "HF_HUB_DISABLE_TELEMETRY": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.splitlines()

    return run


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[MountedStore]:
    """The store `store` in the test's directory, and a place to mount it at."""
    with MountedStore(tmp_path) as store:
        yield store
        assert store.troubles() == []


@pytest.fixture
def tables() -> Path:
    """Tables that people plot: CSV and JSON files of up to 220 kB."""
    return realdata.wheel("vega-datasets", "0.9.0") / "vega_datasets" / "_data"
