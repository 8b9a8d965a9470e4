"""`mount --staging` and `umount` of both as commands; what a draft promises is tested in tests/fuse/staging."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from artfs.fuse import MountInfo, mounts
from tests.support.commands import Commands, Ended


def _well(ended: Ended) -> str:
    assert (ended.code, ended.err) == (0, b""), ended
    return ended.text


def _mounts(artfs: Commands) -> dict[Path, MountInfo]:
    return {mount.mountpoint: mount for mount in mounts() if mount.store == artfs.store}


def test_the_store_and_its_drafts_are_mounted_together_and_unmounted_together(
    stored: Commands, places: tuple[Path, Path]
) -> None:
    art, stage = places
    printed = _well(stored.process("mount", art, "--staging", stage))
    assert printed.split("\n") == [
        f"mounted {stored.store} at {art}",
        f"mounted the drafts of {stored.store} at {stage}",
    ]
    assert {place: mount.staging for place, mount in _mounts(stored).items()} == {art: False, stage: True}
    listed = stored.done("info", "--json").json["mounts"]
    assert {(entry["path"], entry["staging"]) for entry in listed} == {(str(art), False), (str(stage), True)}
    info = stored.done("info").text
    assert re.search(rf"^mounted: +{re.escape(str(art))} by process \d+$", info, re.MULTILINE)
    assert re.search(rf"^drafts: +{re.escape(str(stage))} by process \d+$", info, re.MULTILINE)
    assert _well(stored.process("umount", art, stage)) == f"unmounted {art}\nunmounted {stage}"
    assert _mounts(stored) == {}


def test_umount_tries_all_and_tells_of_those_that_failed(stored: Commands, places: tuple[Path, Path]) -> None:
    art, stage = places
    _well(stored.process("mount", art, "--staging", stage))
    ended = stored.process("umount", art / "animals", art, stored.store, stage)
    assert ended.text == f"unmounted {art}\nunmounted {stage}"
    assert ended.failed(9).count("is not an artfs mount") == 2


@pytest.mark.parametrize("foreground", [(), ("--foreground",)])
def test_where_the_drafts_cannot_be_mounted_nothing_is(
    stored: Commands, places: tuple[Path, Path], images: Path, foreground: tuple[str, ...]
) -> None:
    """S28: The drafts of a store are served by one staging mount at a time; a second one is refused."""
    art, stage = places
    assert "is not empty" in stored.process("mount", art, "--staging", images, *foreground).failed(9)
    assert "is not empty" in stored.process("mount", images, "--staging", stage, *foreground).failed(9)
    assert _mounts(stored) == {}
    other = stage / "other"
    other.mkdir()
    _well(stored.process("mount", art, "--staging", other))
    third, fourth = stage / "third", stage / "fourth"
    for place in (third, fourth):
        place.mkdir()
    said = stored.process("mount", third, "--staging", fourth, *foreground).failed(4)
    assert "are served by another staging mount" in said
    assert set(_mounts(stored)) == {art, other}
    _well(stored.process("umount", other, art))


def test_both_mounts_in_the_foreground_end_with_ctrl_c(stored: Commands, places: tuple[Path, Path]) -> None:
    art, stage = places
    with subprocess.Popen(
        stored.line("mount", "--foreground", art, "--staging", stage),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=stored.environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == os.fsencode(f"mounted {stored.store} at {art}; Ctrl-C unmounts\n")
        assert process.stdout.readline() == os.fsencode(f"mounted the drafts of {stored.store} at {stage}\n")
        (stage / "animals").mkdir()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert _mounts(stored) == {}
