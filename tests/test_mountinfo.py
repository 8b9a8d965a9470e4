"""The mount table is read without touching what is mounted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artfs.mountinfo import MountInfo, file_system_type, find_mount, mounts

TABLE = b"""\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
37 22 0:33 / /mnt/a\\040b rw - fuse.artfs /srv/my\\040store rw,user_id=0
38 22 0:34 / /mnt/drafts rw - fuse.artfs-staging /srv/store rw
39 22 0:35 / /mnt/drafts rw - fuse.artfs /srv/other rw
40 22 0:36 / /mnt/else rw - fuse.sshfs host:/ rw
"""


def test_mounts_of_artfs_are_found_and_the_topmost_is_that_of_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "table").write_bytes(TABLE)
    system = open
    monkeypatch.setattr("builtins.open", lambda _path, mode: system(tmp_path / "table", mode))
    spaced = MountInfo(Path("/srv/my store"), Path("/mnt/a b"), "0:33")
    other = MountInfo(Path("/srv/other"), Path("/mnt/drafts"), "0:35")
    assert mounts() == [spaced, MountInfo(Path("/srv/store"), Path("/mnt/drafts"), "0:34", staging=True), other]
    assert find_mount("/mnt/drafts") == other
    assert find_mount("/mnt/else") is None
    assert spaced.log == Path("/srv/my store/logs/mount-0-33.log")


def test_the_type_of_a_file_system_is_that_of_its_mount() -> None:
    assert file_system_type(Path("/proc")) == "proc"
    assert os.path.ismount("/proc")
