"""A directory that is added again: what did not change is not read, what changed is never missed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import artfs
from artfs.catalog import NewVersion
from artfs.names import parse_artifact_name
from artfs.store.write.ingest import ingest
from artfs.store.write.scan import SourceFile

_OLD_NS = 10_000_000_000


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose contents are read for an artifact."""
    names: list[str] = []

    def noting(files: list[SourceFile], *rest: Any) -> None:
        names.extend(os.fsdecode(file.name) for file in files)
        ingest(files, *rest)

    monkeypatch.setattr("artfs.store.incremental_writer.ingest", noting)
    return names


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of three files; walks see them as ten seconds old, by the system's clock."""
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "sub/c.txt"):
        (folder / name).write_text(name)
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + _OLD_NS)
    yield folder
    artfs.Api(tmp_path / "store").artifact("images").store.close()


def _log(folder: Path, *, skip_cache: bool = False) -> artfs.Artifact:
    artifact = artfs.Artifact("images", store=folder.parent / "store")
    artifact.add_dir(folder, skip_cache=skip_cache)
    artifact.save()
    return artifact


def test_a_directory_that_is_added_again_is_not_read_but_for_what_changed(images: Path, read: list[str]) -> None:
    first = _log(images)
    assert sorted(read) == ["a.txt", "b.txt", "c.txt"]
    read.clear()
    assert _log(images).digest == first.digest
    assert read == []
    (images / "b.txt").write_text("changed")
    changed = _log(images)
    assert read == ["b.txt"]
    assert changed.open("b.txt").read() == b"changed"
    assert changed.open("sub/c.txt").read() == b"sub/c.txt"
    changed.verify(images)


def test_what_a_put_has_stored_is_not_read_again_for_an_artifact(images: Path, read: list[str]) -> None:
    with artfs.open_store(images.parent / "store", create=True) as store:
        put = store.put([images], NewVersion(parse_artifact_name("images")))
    assert _log(images).digest == put.version.digest.hex()
    assert read == []


def test_an_artifact_that_was_never_logged_is_not_believed_to_be_stored(images: Path, read: list[str]) -> None:
    dropped = artfs.Artifact("images", store=images.parent / "store")
    dropped.add_dir(images)
    del dropped
    read.clear()
    logged = _log(images)
    assert sorted(read) == ["a.txt", "b.txt", "c.txt"]
    assert logged.open("a.txt").read() == b"a.txt"


def test_skip_cache_reads_everything_again(images: Path, read: list[str]) -> None:
    _log(images)
    read.clear()
    _log(images, skip_cache=True)
    assert sorted(read) == ["a.txt", "b.txt", "c.txt"]
