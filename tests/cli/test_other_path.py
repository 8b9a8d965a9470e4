"""A store that is reached by another path than it was mounted by: its mounts are recognised by its own files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import artfs as package
from tests.support.commands import Commands, Ended
from tests.support.mounts.mounts import wait_until


@pytest.fixture
def other_path(stored: Commands, staging: Path, tmp_path: Path) -> Iterator[Path]:
    """The store behind a bind mount; it and its drafts were mounted by its first path."""
    del staging
    place = tmp_path / "other"
    place.mkdir()
    subprocess.run(["mount", "--bind", stored.store, place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.by_root
def test_a_mount_is_recognised_by_whatever_path_its_store_is_reached(
    stored: Commands, places: tuple[Path, Path], other_path: Path
) -> None:
    by_other = ("--store", other_path)
    paths = {mount["path"]: mount["pid"] for mount in stored.done(*by_other, "info", "--json").json["mounts"]}
    assert set(paths) == {str(place) for place in places}
    assert None not in paths.values()
    assert package.Api(other_path).artifact("animals").path == places[0] / "animals/v0"
    assert b"is not mounted" not in stored.process(*by_other, "run", "--", "true").err
    assert stored.done(*by_other, "stage", "animals").text == str(places[1] / "animals")


@pytest.mark.by_root
def test_another_store_at_the_path_of_a_mounted_one_has_no_live_mount(
    stored: Commands, places: tuple[Path, Path], other_path: Path
) -> None:
    del other_path
    stored.store.rename(stored.store.with_name("moved"))
    stored.done("init")
    assert all(mount["pid"] is None for mount in stored.done("info", "--json").json["mounts"])
    stored.done("umount", "--lazy", *places)


def test_a_mount_is_recognised_in_a_mount_namespace_with_the_store_at_another_path(
    stored: Commands, places: tuple[Path, Path], staging: Path, tmp_path: Path
) -> None:
    """As in a container that has the store and the mounts as volumes."""
    inside = tmp_path / "inside"
    inside.mkdir()
    enter = f'mount --bind "{stored.store}" "{inside}" && mount -t tmpfs none "{stored.store}" && exec "$@"'
    container = ("unshare", "--mount", "bash", "-euc", enter, "bash")

    def ended(*words: str) -> Ended:
        done = stored.process("--store", inside, *words, prefix=container)
        assert (done.code, done.err) == (0, b""), done
        return done

    assert {mount["path"] for mount in ended("info", "--json").json["mounts"] if mount["pid"]} == set(map(str, places))
    assert ended("stage", "animals").text == str(staging / "animals")
    assert ended("run", "-q", "--", "cat", str(places[0] / "animals/v0/labels.csv")).text == "tom,cat"
    program = f"import artfs; print(artfs.Api({str(inside)!r}).artifact('animals').path)"
    assert ended("run", "-q", "--", sys.executable, "-c", program).text == str(places[0] / "animals/v0")
    used = stored.process("lineage", "animals", "--format", "json").json
    assert used, "the run that read a file in there is not noted"


def test_a_store_that_cannot_be_written_is_recognised_by_its_directory(
    stored: Commands, places: tuple[Path, Path], tmp_path: Path
) -> None:
    readonly, other = tmp_path / "readonly", tmp_path / "other"
    for place in (readonly, other):
        place.mkdir()
        subprocess.run(["mount", "--bind", stored.store, place], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    try:
        assert stored.process("--store", readonly, "mount", places[0]).code == 0
        assert package.Api(other).artifact("animals").path == places[0] / "animals/v0"
        (mount,) = stored.process("--store", other, "info", "--json").json["mounts"]
        assert mount["path"] == str(places[0])
    finally:
        subprocess.run(["umount", "--lazy", places[0], readonly, other], check=False)


def test_a_mount_whose_daemon_is_dead_is_not_used(
    stored: Commands, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stored.process("mount", places[0]).code == 0
    (mount,) = stored.done("info", "--json").json["mounts"]
    os.kill(mount["pid"], signal.SIGKILL)
    wait_until(lambda: stored.done("info", "--json").json["mounts"][0]["pid"] is None)
    assert package.Api(stored.store).artifact("animals").path == tmp_path / "artifacts/animals:v0"
    assert b"is not mounted" in stored.process("run", "--", "true").err
    assert "daemon is gone" in stored.process("info").text
