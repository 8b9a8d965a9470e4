"""Artifacts and their entries go to the worker processes of a data loader."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import artfs
from artfs.api.entry import ManifestEntry
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


def test_a_draft_stays_in_its_process(tmp_path: Path) -> None:
    draft = artfs.Artifact("animals", store=tmp_path / "store")
    with pytest.raises(ArtifactNotLoggedError, match="log it before"):
        pickle.dumps(draft)
