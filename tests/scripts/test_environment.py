"""scripts/lib/environment.sh: what it says and does on a machine where things are missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
TOOLS = ["bash", "cat", "cksum", "dirname", "flock", "grep", "head", "mkdir", "sed"]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout beside a `bin` with next to nothing in it, on a machine where this user may not become root."""
    shutil.copytree(CHECKOUT / "scripts", tmp_path / "checkout" / "scripts")
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path / "checkout")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, f"{tool} is on every Debian"
        (tmp_path / "bin" / tool).symlink_to(found)
    _program(tmp_path / "bin" / "id", "echo 1000")
    _program(tmp_path / "bin" / "apt-get", "exit 100")
    return tmp_path


def test_a_user_who_may_not_install_reads_in_one_line_all_that_is_missing(bare: Path) -> None:
    done = _prepare(bare)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    for package in [
        "fuse3",
        "libfuse3-dev",
        "pkg-config",
        "gcc",
        "rsync",
        "sqlite3",
        "unzip",
        "attr",
        "npm",
        "chromium",
    ]:
        assert f" {package}" in done.stderr
    assert "apt-get install" in done.stderr


def test_a_failed_installation_shows_what_the_installer_said(bare: Path) -> None:
    _program(bare / "bin" / "id", "echo 0")
    _program(bare / "bin" / "tail", 'while read -r line; do echo "$line"; done <"$3"')
    _program(bare / "bin" / "apt-get", "echo the mirror is away; exit 100")
    done = _prepare(bare)
    assert done.returncode == 1
    assert "the mirror is away" in done.stderr
    assert "this failed: as_root apt-get update" in done.stderr


def test_a_checkout_that_cannot_be_written_to_is_named(bare: Path) -> None:
    shutil.rmtree(bare / "checkout" / ".cache", ignore_errors=True)
    (bare / "checkout" / ".cache").write_text("in the way")
    done = _prepare(bare)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        f"cannot write to {bare / 'checkout'}: clone it to a place of your own and run this there"
    )


@pytest.mark.parametrize(
    ("level", "installed"), [("running", "checkout"), ("checks", "checkout[dev]"), ("tests", "checkout[dev,tests]")]
)
def test_what_runs_artfs_is_installed_without_linters_and_without_what_tests_need(
    bare: Path, level: str, installed: str
) -> None:
    calls = _prepared_machine(bare)
    done = _prepare(bare, level)
    assert (done.returncode, done.stdout) == (0, ""), done
    assert [line for line in calls.read_text().splitlines() if "pip install" in line] == [
        f"-m pip install --progress-bar off --editable {bare}/{installed}"
    ]
    # All that was needed for more is there for less; nothing is done twice.
    calls.write_text("")
    for again in ("running", level):
        assert _prepare(bare, again).stderr == ""
    assert "pip" not in calls.read_text()


def _prepared_machine(bare: Path) -> Path:
    """Have all system packages there, and a Python that notes in a file how it was called."""
    calls = bare / "calls"
    here = shutil.which("bash")
    for program in (
        *("fusermount3", "pkg-config", "gcc", "cmp", "getfattr", "git", "npm", "rsync", "sqlite3", "unzip", "zsh"),
        *("chromium", "losetup", "mkfs.ext4", "mkfs.xfs"),
    ):
        _program(bare / "bin" / program, "exit 0")
    _program(
        bare / "bin" / "python3",
        f"""echo "$*" >>{calls}
        if [ "$1 $2" = "-m venv" ]; then mkdir -p "$4/bin"; echo 'exec {here} {bare}/bin/python3 "$@"' >"$4/bin/python"
        {shutil.which("chmod")} +x "$4/bin/python"; fi""",
    )
    return calls


def _prepare(bare: Path, level: str = "tests") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(bare / "bin" / "bash"), "-c", f". scripts/lib/environment.sh; prepare_environment {level}"],
        cwd=bare / "checkout",
        env={"PATH": str(bare / "bin")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)
