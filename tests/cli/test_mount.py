"""`mount` and `umount` as commands; what a mount promises is tested in tests/fuse."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Commands, Ended, store_state


@pytest.fixture
def place(artfs: Commands, tmp_path: Path) -> Iterator[Path]:
    """An empty directory to mount at; whatever is mounted there is unmounted at the end."""
    top = tmp_path / "mount point"
    top.mkdir()
    yield top
    artfs.process("umount", "--lazy", top)


def _well(ended: Ended) -> str:
    assert (ended.code, ended.err) == (0, b""), ended
    return ended.text


def test_a_mount_answers_when_the_command_returns_and_is_gone_when_umount_does(
    stored: Commands, images: Path, place: Path
) -> None:
    assert _well(stored.process("mount", place)) == f"mounted {stored.store} at {place}"
    assert sorted(os.listdir(place / "animals")) == ["best", "latest", "v0"]
    assert (place / "animals/best/best").read_bytes() == (images / "cats/tom.png").read_bytes()
    assert _well(stored.process("umount", place)) == f"unmounted {place}"
    assert os.listdir(place) == []


def test_info_names_the_mounts_and_warm_reads_through_one(stored: Commands, place: Path) -> None:
    _well(stored.process("mount", place, "--workers", "1", "--cache-mib", "0"))
    (mount,) = stored.done("info", "--json").json["mounts"]
    assert mount["path"] == str(place)
    os.kill(mount["pid"], 0)
    assert f"{place} by process {mount['pid']}" in stored.done("info").text
    warmed = stored.done("warm", "animals", "--json").json
    assert warmed == {"ref": "animals:v0", "bytes": 5128, "fetched": 0, "through": str(place / "animals/v0")}


def test_commands_work_while_the_store_is_mounted(stored: Commands, images: Path, place: Path) -> None:
    _well(stored.process("mount", place))
    (images / "new").write_text("new")
    stored.done("put", images, "-n", "animals")
    assert (place / "animals/v1/new").read_text() == "new"


def test_a_mount_in_the_foreground_says_when_it_answers_and_ends_with_ctrl_c(stored: Commands, place: Path) -> None:
    with subprocess.Popen(
        stored.line("mount", "--foreground", place),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=stored.environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == os.fsencode(f"mounted {stored.store} at {place}; Ctrl-C unmounts\n")
        assert os.listdir(place) == ["animals"]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert os.listdir(place) == []


def test_places_where_nothing_can_be_mounted_are_named(stored: Commands, images: Path, place: Path) -> None:
    before = store_state(stored.store)
    for where, said in (
        (place / "gone" / "below", "does not exist"),
        (images, "is not empty"),
        (images / "labels.csv", "is not a directory"),
        (stored.store, "is not empty"),
    ):
        assert said in stored.process("mount", where).failed(9)
        assert "is not an artfs mount" in stored.process("umount", where).failed(9)
    _well(stored.process("mount", place))
    assert "mounted already" in stored.process("mount", place).failed(9)
    _well(stored.process("umount", place))
    made = {name for name in store_state(stored.store).keys() ^ before.keys() if not name.startswith("logs")}
    assert made <= {"runs/generation"}  # by which workers learn of runs
