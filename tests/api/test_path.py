"""`Artifact.path`: the mounted directory where there is one, else files of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

import artfs
from artfs.errors import ArtifactNotLoggedError
from tests.support.mounts.mountedstore import MountedStore


def test_the_path_is_the_mounted_version_or_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data.txt"
    data.write_text("referred")
    with MountedStore(tmp_path) as mounted:
        artifact = artfs.Artifact("animals", store=mounted.store)
        with pytest.raises(ArtifactNotLoggedError):
            _ = artifact.path
        with artifact.new_file("a.txt") as file:
            file.write("a")
        artifact.add_reference(data.as_uri())
        artifact.save()
        assert artifact.path == tmp_path / "artifacts" / "animals:v0"
        assert (artifact.path / "a.txt").read_text() == "a"
        mounted.mount()
        assert artifact.path == mounted.mountpoint / "animals" / "v0"
        assert (artifact.path / "a.txt").read_text() == "a"
        assert (artifact.path / "data.txt").read_text() == "referred"
        data.write_text("replaced")
        fresh = mounted.place("fresh")
        mounted.mount(at=fresh)
        with pytest.raises(OSError, match="Input/output error"):
            (fresh / "animals" / "v0" / "data.txt").read_text()
        artifact.store.close()
