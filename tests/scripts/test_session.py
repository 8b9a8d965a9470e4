"""A run of tests: what it prints, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mounts.mounts import ROOT

PASSES = "def test_passes(tmp_path): (tmp_path / 'file').write_bytes(b'one')\n"
FAILS = "def test_fails(tmp_path): assert [] == ['the one in question']\n"
HANGS = "def test_hangs(): __import__('signal').pause()\n"
MOUNTS = """
import subprocess
def test_mounts(tmp_path):
    (tmp_path / "mounted").mkdir()
    subprocess.run(["mount", "--bind", MOUNTED, tmp_path / "mounted"], check=True)
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where a run makes its temporary directory."""
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def test_a_run_whose_tests_pass_leaves_nothing(scratch: Path) -> None:
    done = _run(scratch, PASSES)
    assert (done.returncode, list(scratch.iterdir())) == (0, []), done.stdout


def test_a_run_with_a_failure_keeps_its_files_and_names_them(scratch: Path) -> None:
    done = _run(scratch, PASSES + FAILS)
    (kept,) = scratch.iterdir()
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert f"kept for you to look at: {kept}\n" in done.stdout
    assert list(kept.glob("**/file"))


def test_what_is_mounted_in_the_files_of_a_run_is_not_removed(scratch: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"one")
    done = _run(scratch, f"MOUNTED = {str(tmp_path)!r}\n" + MOUNTS, "unshare", "--mount")
    (left,) = scratch.iterdir()
    assert (done.returncode, (tmp_path / "precious").read_bytes()) == (0, b"one"), done.stdout
    assert f"there are mounts in it: {left}\n" in done.stdout


@pytest.mark.parametrize("workers", [0, 1])
def test_a_failure_is_printed_while_the_run_goes_on(scratch: Path, workers: int) -> None:
    command = _command(scratch, FAILS + HANGS, f"-n{workers}", "--timeout=60")
    with subprocess.Popen(
        command, cwd=ROOT, env=_environment(scratch), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        assert run.stdout
        printed = next((line for line in run.stdout if "['the one in question']" in line), None)
        os.killpg(run.pid, signal.SIGKILL)
    assert printed
    assert run.returncode == -signal.SIGKILL


def _command(scratch: Path, tests: str, *options: str) -> list[str]:
    path = scratch.parent / "test_these.py"
    path.write_text(tests)
    plugins = ["-p", "tests.conftest", "-p", "no:cacheprovider"]
    return [sys.executable, "-m", "pytest", *plugins, *options, "-c", str(ROOT / "pyproject.toml"), str(path)]


def _environment(scratch: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(scratch)}


def _run(scratch: Path, tests: str, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, *_command(scratch, tests)],
        cwd=ROOT,
        env=_environment(scratch),
        capture_output=True,
        text=True,
        check=False,
    )
