"""What is checked of a machine before anything is mounted, for users who need fusermount3."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artfs.fuse.device.doctor import Check, check_fuse
from tests.support.mounts.mounts import NOBODY

USER = 12345


def _found(what: str) -> Check:
    (found,) = [check for check in check_fuse() if check.what == what]
    return found


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The fusermount3 that an ordinary user finds; it is setuid, and of the user who runs the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: USER)
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "fusermount3"
    program.touch()
    program.chmod(0o4755)
    return program


@pytest.mark.parametrize("owner", [0, NOBODY])
def test_a_fusermount3_is_well_if_it_is_setuid_and_of_root(program: Path, owner: int) -> None:
    if os.getuid() == 0:  # nobody else can give files away
        os.chown(program, owner, owner)
        program.chmod(0o4755)
    assert _found("fusermount3").state == ("ok" if program.stat().st_uid == 0 else "warning")


@pytest.mark.parametrize("mode", [0o755, 0o2755, 0o1755])
def test_a_fusermount3_that_is_not_setuid_is_named_with_what_to_do(program: Path, mode: int) -> None:
    program.chmod(mode)
    check = _found("fusermount3")
    assert (check.state, check.found) == (
        "warning",
        f"{program} is not setuid root, so it may not be able to mount",
    )
    assert f"`chmod u+s {program}`" in check.advice


def test_a_missing_fusermount3_is_a_problem(program: Path) -> None:
    program.unlink()
    assert _found("fusermount3").state == "problem"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [("user_allow_other\n", True), ("  user_allow_other \n", True), ("#user_allow_other\n", False), (None, False)],
)
def test_what_the_system_says_of_other_users_is_reported(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, allowed: bool
) -> None:
    assert program.exists()
    monkeypatch.setattr("artfs.fuse.device.doctor._CONFIGURATION", tmp_path / "fuse.conf")
    if text is not None:
        (tmp_path / "fuse.conf").write_text(text)
    check = _found("--allow-other")
    assert check.state == "ok"
    assert check.found.startswith("allowed by" if allowed else "not allowed to users")
