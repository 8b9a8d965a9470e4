"""What runs logged, step by step, goes with them from store to store."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import pytest

import artfs
from artfs.catalog import current_actor
from artfs.errors import IntegrityError
from artfs.format.steps import COMPACTED, Row
from artfs.lineage import StepFiles
from artfs.store import Store
from artfs.store.fsck.steps import check_steps
from artfs.transfer import Wanted, copy_versions


def _copy(here: Store, there: Store, name: str = "model") -> None:
    with here.catalog.view() as view:
        artifact = view.artifact_by_name(name)
        assert artifact is not None
        versions = list(view.versions(artifact.serial))
    copy_versions(here, versions, there, current_actor(), Wanted())


def _train(store: Store, losses: Sequence[float], id_: str | None = None) -> str:
    with artfs.init(store=store, id=id_) as run:
        for loss in losses:
            run.log({"loss": loss})
        run.log_artifact(artfs.Artifact("model", store=store))
    return run.id


def _rows(store: Store, run: str) -> list[Row]:
    return StepFiles(store.layout.steps, run).rows()


def test_a_history_goes_with_its_run_and_is_the_same_there(here: Store, there: Store) -> None:
    run, other = _train(here, [3.0, 2.0, float("inf")]), _train(here, [])
    _copy(here, there)
    assert _rows(there, run) == _rows(here, run) != []
    assert not (there.layout.steps / other).exists()
    assert list(check_steps(there.layout.steps)) == []
    before = (there.layout.steps / run / COMPACTED).stat()
    _copy(here, there)
    assert (there.layout.steps / run / COMPACTED).stat().st_ino == before.st_ino  # nothing was written


def test_a_run_that_goes_on_is_followed_by_the_next_copy_and_what_it_logged_there_stays(
    here: Store, there: Store
) -> None:
    run = artfs.init(store=here)
    run.log({"loss": 3.0})
    run.log({"half": 1}, commit=False)
    run.log_artifact(artfs.Artifact("model", store=here))
    _copy(here, there)
    assert [row.get("loss") for row in _rows(there, run.id)] == [3.0, None]
    run.log({"loss": 2.0})
    run.finish()
    _copy(here, there)
    assert _rows(there, run.id) == _rows(here, run.id)
    assert [(row["_step"], row["loss"]) for row in _rows(there, run.id)] == [(0, 3.0), (1, 2.0)]
    _train(there, [1.0], run.id)
    _copy(here, there)
    assert [row["loss"] for row in _rows(there, run.id)] == [3.0, 2.0, 1.0]
    _train(here, [0.5], run.id)
    _copy(here, there)
    assert sorted(row["loss"] for row in _rows(there, run.id)) == [0.5, 1.0, 2.0, 3.0]
    _copy(there, here)
    assert _rows(here, run.id) == _rows(there, run.id)


def test_a_run_whose_id_another_one_has_there_keeps_its_history_under_its_new_id(here: Store, there: Store) -> None:
    _train(here, [1.0], "trainer1")
    _train(there, [2.0], "trainer1")
    _copy(here, there)
    assert [row["loss"] for row in _rows(there, "trainer1")] == [2.0]
    (renamed,) = {path.name for path in there.layout.steps.iterdir()} - {"trainer1"}
    assert [row["loss"] for row in _rows(there, renamed)] == [1.0]


def test_a_damaged_history_is_said_after_all_else_is_copied_and_one_there_is_not_overwritten(
    here: Store, there: Store
) -> None:
    runs = [_train(here, [1.0]), _train(here, [2.0])]
    damaged = here.layout.steps / runs[0] / COMPACTED
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1])
    with pytest.raises(IntegrityError, match=f"history of run {runs[0]} is damaged"):
        _copy(here, there)
    assert [row["loss"] for row in _rows(there, runs[1])] == [2.0]
    damaged.write_bytes(whole)
    shutil.copytree(here.layout.steps / runs[0], there.layout.steps / runs[0])
    copy = there.layout.steps / runs[0] / COMPACTED
    copy.write_bytes(whole[:-1])
    with pytest.raises(IntegrityError, match="is damaged in"):
        _copy(here, there)
    assert copy.read_bytes() == whole[:-1]
