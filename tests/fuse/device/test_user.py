"""Mounting as an ordinary user, with fusermount3."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artfs.errors import MountError
from artfs.fuse.device.device import attach
from tests.support.mounts.mounts import NOBODY, ROOT, as_user


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory of the user's own (pytest's are below one that only root may enter)."""
    path = Path(tempfile.mkdtemp(prefix="artfs-user-"))
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def seen(home: Path) -> Any:
    """What the user saw."""
    ended = subprocess.run(
        as_user(sys.executable, "-m", "tests.support.programs.fuse_user", home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_an_ordinary_user_mounts_reads_and_unmounts(seen: Any) -> None:
    assert seen["user"] != 0
    assert seen["read"] == "tom,cat\n"
    assert seen["owner"] == seen["user"]
    assert {"ro", "nosuid", "nodev", "default_permissions", f"user_id={seen['user']}"} <= set(seen["options"])
    assert "sharing the device" not in seen["log"]
    assert seen["seconds"] < 5.0
    assert seen["read again"] == "tom,cat\n"
    assert "is in use" in seen["busy"]
    assert seen["daemon gone"]
    assert seen["read after a stale mount"] == "tom,cat\n"
    assert not seen["left"]
    assert "user_allow_other" in seen["allow_other"]
    assert seen["not mine"] != ""


CALL = """
import sys
from artfs.errors import MountError
from artfs.fuse.device.device import attach
try:
    attach(sys.argv[1], "store", allow_other=False, path=sys.argv[2])
except MountError as error:
    print(error)
"""


def call_as_user(home: Path, device: str, path: str) -> str:
    """What `attach` tells an ordinary user."""
    command = as_user(sys.executable, "-c", CALL, home, device, device=False)
    env = {**os.environ, "PATH": path}
    command[0] = shutil.which(command[0]) or command[0]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stderr == ""
    return ended.stdout


def test_a_device_that_users_may_not_open_is_named(home: Path) -> None:
    device = home / "fuse"
    device.touch(mode=0o000)
    assert f"{device} is closed to you: have root run `chmod 666 {device}`" in call_as_user(
        home, os.fspath(device), os.environ["PATH"]
    )


def test_without_fusermount3_the_message_says_which_package_to_install(home: Path) -> None:
    tools = home / "tools"
    tools.mkdir()
    for tool in ("env", "setpriv"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    said = call_as_user(home, "/dev/null", os.fspath(tools))
    assert said == "there is no fusermount3: install the package fuse3, or do it as root\n"


def test_without_a_fuse_device_every_user_sees_how_to_get_one(home: Path) -> None:
    with pytest.raises(MountError, match=r"no usable /dev/fuse: load it with `modprobe fuse`, or start the container"):
        attach(os.fspath(home), "store", allow_other=False, path=os.fspath(home / "fuse"))
    assert "no usable /dev/fuse" in call_as_user(home, os.fspath(home / "fuse"), os.environ["PATH"])
