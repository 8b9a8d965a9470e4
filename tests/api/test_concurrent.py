"""Many processes log to one artifact at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import artfs
from artfs.store.fsck import fsck

_PROGRAM = """
import sys, artfs
store, me = sys.argv[1:]
artifact = artfs.Artifact("shared", store=store)
for number in range(20):
    with artifact.new_file(f"{number}.txt") as file:
        file.write(f"{me} {number}")
artifact.save()
print(artifact.version)
"""


def test_eight_processes_at_once_make_eight_whole_versions_and_latest_is_the_last(tmp_path: Path) -> None:
    store = tmp_path / "store"
    started = [
        subprocess.Popen([sys.executable, "-c", _PROGRAM, store, str(me)], stdout=subprocess.PIPE, text=True)
        for me in range(8)
    ]
    versions = {int(child.communicate()[0].strip()[1:]): me for me, child in enumerate(started)}
    assert sorted(versions) == list(range(8))
    api = artfs.Api(store)
    for index, me in versions.items():
        artifact = api.artifact(f"shared:v{index}")
        assert [artifact.open(f"{number}.txt", "r").read() for number in range(20)] == [
            f"{me} {number}" for number in range(20)
        ]
    assert api.artifact("shared").version == "v7"


def _one_file(text: str) -> artfs.Artifact:
    artifact = artfs.Artifact("animals", "dataset")
    with artifact.new_file("file") as file:
        file.write(text)
    return artifact


def test_a_process_goes_on_after_the_index_was_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "store"
    monkeypatch.setenv("ARTFS_STORE", str(place))
    run = artfs.init(store=place)
    first = run.log_artifact(_one_file("before"))
    with first.open("file") as file:
        (place / "index" / "data.mdb").unlink()
        assert not fsck(place, repair=True).affected
        assert file.read() == b"before"
    assert [entry.path for entry in first.files()] == ["file"]
    second = run.log_artifact(_one_file("after"))
    assert [found.name for found in artfs.Api(place).artifacts("animals")] == [second.name, first.name]
