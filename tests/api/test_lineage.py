"""The graph that runs make of artifacts, walked from an artifact."""

from __future__ import annotations

from pathlib import Path

import pytest

import artfs
from artfs.errors import InvalidInputError


def _made(run: artfs.Run, name: str) -> artfs.Artifact:
    artifact = artfs.Artifact(name, store=run.store_path)
    with artifact.new_file("a") as file:
        file.write(name)
    return run.log_artifact(artifact)


def test_the_graph_is_walked_in_both_directions_to_any_depth(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with artfs.init(store=store, name="prep") as prep:
        raw = _made(prep, "raw")
    with artfs.init(store=store, name="clean") as clean:
        clean.use_artifact("raw:latest")
        cleaned = _made(clean, "cleaned")
    with artfs.init(store=store, name="train") as train:
        train.use_artifact(cleaned)
        model = _made(train, "model")
    maker = model.logged_by()
    assert maker is not None
    assert maker.name == "train"
    assert [run.name for run in raw.used_by()] == ["clean"]
    assert [artifact.name for artifact in model.ancestors()] == ["cleaned:v0", "raw:v0"]
    assert [artifact.name for artifact in model.ancestors(depth=1)] == ["cleaned:v0"]
    assert [artifact.name for artifact in raw.descendants()] == ["cleaned:v0", "model:v0"]
    assert raw.ancestors() == model.descendants() == model.ancestors(depth=0) == []
    with pytest.raises(InvalidInputError, match="negative"):
        model.ancestors(depth=-1)


def test_what_was_logged_outside_of_a_run_has_none(tmp_path: Path) -> None:
    artifact = artfs.Artifact("alone", store=tmp_path / "store")
    artifact.save()
    assert artifact.logged_by() is None
    assert artifact.used_by() == []
