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


def test_a_deleted_version_is_passed_through_and_not_given(tmp_path: Path) -> None:
    names = ["raw", "cleaned", "model"]
    for number, name in enumerate(names):
        with artfs.init(store=tmp_path / "store") as run:
            for used in names[:number][-1:]:
                run.use_artifact(used)
            _made(run, name)
    api = artfs.Api(tmp_path / "store")
    api.artifact("cleaned").delete()
    assert [artifact.name for artifact in api.artifact("model").ancestors()] == ["raw:v0"]
    assert [artifact.name for artifact in api.artifact("raw").descendants()] == ["model:v0"]


def test_a_circle_ends(tmp_path: Path) -> None:
    with artfs.init(store=tmp_path / "store") as run:
        state = _made(run, "state")
        run.use_artifact(state)
        run.use_artifact(run.log_artifact(state.new_draft()))
    assert [artifact.name for artifact in state.ancestors()] == ["state:v1"]
