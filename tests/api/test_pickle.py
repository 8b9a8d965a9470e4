"""Artifacts and their entries go to the worker processes of a data loader."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import artfs
from artfs.api.artifact.manifest_entry import ManifestEntry
from artfs.errors import ArtifactNotLoggedError, NotFoundError


@pytest.fixture
def animals(tmp_path: Path) -> Iterator[artfs.Artifact]:
    """A logged artifact."""
    artifact = artfs.Artifact("animals", store=tmp_path / "store", metadata={"classes": 2})
    for name in ("cat", "dog"):
        with artifact.new_file(f"{name}.txt") as file:
            file.write(f"a {name}")
    artifact.save()
    yield artifact
    artifact.store.close()


def _read_all(artifact: artfs.Artifact) -> list[bytes]:
    return [artifact.open(entry.path).read() for entry in artifact.files()]


def _read(entry: ManifestEntry) -> bytes:
    data: bytes = entry.open().read()
    return data


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_logged_artifact_and_its_entries_are_read_in_worker_processes(animals: artfs.Artifact, method: str) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_read_all, [animals] * 2) == [[b"a cat", b"a dog"]] * 2
        assert pool.map(_read, list(animals.files())) == [b"a cat", b"a dog"]


def test_a_pickled_artifact_is_the_version_and_not_its_contents(animals: artfs.Artifact) -> None:
    pickled = pickle.dumps(animals)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)  # noqa: S301 - made by this test
    assert (again.name, again.digest, again.metadata, again.aliases) == (
        "animals:v0",
        animals.digest,
        {"classes": 2},
        ["latest"],
    )
    animals.delete()
    with pytest.raises(NotFoundError, match="deleted"):
        pickle.loads(pickled)  # noqa: S301 - made by this test


def test_an_artifact_that_an_earlier_release_pickled_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pickled = (  # of animals:v0 in /proc/self/cwd/store, by the release that had the module artfs/api/artifact.py
        b"\x80\x04\x95i\x00\x00\x00\x00\x00\x00\x00\x8c\x12artfs.api.artifact\x94\x8c\t_reopened\x94\x93\x94\x8c\x07pathlib"
        b"\x94\x8c\tPosixPath\x94\x93\x94(\x8c\x01/\x94\x8c\x04proc\x94\x8c\x04self\x94\x8c\x03cwd\x94\x8c\x05store\x94t\x94R\x94"
        b"K\x10K\x00\x87\x94R\x94."
    )
    monkeypatch.chdir(tmp_path)
    artifact = artfs.Artifact("animals", store="/proc/self/cwd/store")
    with artifact.new_file("cat.txt") as file:
        file.write("a cat")
    artifact.save()
    assert b"\x8c\x12artfs.api.artifact\x94\x8c\t_reopened\x94" in pickle.dumps(artifact, protocol=4)
    again = pickle.loads(pickled)  # noqa: S301 - the bytes above
    assert (again.name, again.open("cat.txt").read()) == ("animals:v0", b"a cat")
    artifact.store.close()


def test_an_unlogged_artifact_stays_in_its_process(tmp_path: Path) -> None:
    artifact = artfs.Artifact("animals", store=tmp_path / "store")
    with pytest.raises(ArtifactNotLoggedError, match="log it before"):
        pickle.dumps(artifact)


def test_what_is_pickled_holds_no_path_object_and_loads_in_another_python(animals: artfs.Artifact) -> None:
    api = artfs.Api(animals.store.path)
    with artfs.init(store=animals.store.path, config={"lr": 0.1}) as run:
        pass
    collection, kind = api.artifact_collections("dataset")[0], api.artifact_types()[0]
    for value in (animals, api, api.run(run.id), collection, kind, animals.get_entry("cat.txt")):
        pickled = pickle.dumps(value)
        assert b"pathlib" not in pickled, value
        pickle.loads(pickled)  # noqa: S301 - made by this test
    again = pickle.loads(pickle.dumps(collection))  # noqa: S301 - made by this test
    assert (again, [version.name for version in again.artifacts()]) == (collection, ["animals:v0"])
    assert pickle.loads(pickle.dumps(kind)).collections() == [collection]  # noqa: S301 - made by this test
