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


def test_a_user_who_may_not_install_is_told_all_that_is_missing_in_one_line(bare: Path) -> None:
    done = _prepare(bare)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    for package in ["fuse3", "libfuse3-dev", "pkg-config", "gcc", "rsync", "sqlite3", "unzip", "attr", "npm"]:
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


def _prepare(bare: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(bare / "bin" / "bash"), "-c", ". scripts/lib/environment.sh; prepare_environment tests"],
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
