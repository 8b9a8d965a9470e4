"""`Run.log` and `define_metric`: what the summary has afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import artfs
from artfs.errors import InvalidInputError


@pytest.fixture
def run(tmp_path: Path) -> artfs.Run:
    return artfs.init(store=tmp_path / "store")


def stored(run: artfs.Run) -> dict[str, object]:
    run.finish()
    return artfs.Api(run.store_path).run(run.id).summary.as_dict()


def test_the_summary_has_the_last_value_of_each_metric(run: artfs.Run) -> None:
    run.log({"loss": 2.0, "phase": "warm"})
    run.log({"loss": 1.0, "val": {"acc": 0.5}})
    assert stored(run) == {"loss": 1.0, "phase": "warm", "val": {"acc": 0.5}}


def test_steps_are_counted_as_wandb_counts_them(run: artfs.Run) -> None:
    run.log({"a": 1})
    assert run.step == 1
    run.log({"a": 2}, commit=False)
    assert run.step == 1
    run.log({"a": 3}, step=10)
    assert run.step == 10
    run.log({"a": 4}, step=10, commit=True)
    assert run.step == 11
    assert stored(run) == {"a": 4}


def test_define_metric_keeps_least_greatest_mean_first_last_and_best(run: artfs.Run) -> None:
    run.define_metric("loss", summary="min")
    run.define_metric("loss", summary="max,mean")
    run.define_metric("acc", summary="best", goal="maximize")
    run.define_metric("error", summary="best", goal="minimize")
    run.define_metric("seen", summary=["first", "last"])
    run.define_metric("noise", summary="none")
    run.define_metric("plain", summary="copy")
    for value in (3.0, 1.0, 2.0):
        run.log(dict.fromkeys(("loss", "acc", "error", "seen", "noise", "plain", "other"), value))
    assert stored(run) == {
        "loss": {"min": 1.0, "max": 3.0, "mean": 2.0},
        "acc": {"best": 3.0},
        "error": {"best": 1.0},
        "seen": {"first": 3.0, "last": 2.0},
        "plain": 2.0,
        "other": 2.0,
    }


def test_a_star_stands_for_any_end_and_what_says_more_of_a_name_counts(run: artfs.Run) -> None:
    run.define_metric("*", step_metric="epoch", step_sync=True)
    run.define_metric("val/*", summary="max")
    run.define_metric("val/loss", summary="min")
    for value in (1, 3, 2):
        run.log({"val/acc": value, "val/loss": value, "train/acc": value})
    assert stored(run) == {"val/acc": {"max": 3}, "val/loss": {"min": 1}, "train/acc": 2}


def test_overwrite_replaces_what_was_said_before(run: artfs.Run) -> None:
    run.define_metric("loss", summary="min")
    assert run.define_metric("loss", summary="max", overwrite=True).summary == ("max",)
    run.log({"loss": 1.0})
    assert stored(run) == {"loss": {"max": 1.0}}


def test_nan_and_text_change_neither_the_least_nor_the_mean(run: artfs.Run) -> None:
    run.define_metric("loss", summary="min,mean,last")
    for value in (2.0, float("nan"), "diverged", 4.0, True):
        run.log({"loss": value})
    assert stored(run) == {"loss": {"min": 2.0, "mean": 3.0, "last": True}}


def test_scalars_of_numpy_are_numbers(run: artfs.Run) -> None:
    run.define_metric("loss", summary="min,mean")
    for value in (np.float32(2.0), np.int64(4), np.array(6.0), np.array([1.0, 2.0])):
        run.log({"loss": value})
    assert stored(run) == {"loss": {"min": 2.0, "mean": 4.0}}


def test_a_run_that_goes_on_has_the_least_value_of_before(run: artfs.Run) -> None:
    run.define_metric("loss", summary="min")
    run.log({"loss": 1.0})
    run.finish()
    again = artfs.init(id=run.id, store=run.store_path)
    again.define_metric("loss", summary="min")
    again.log({"loss": 5.0})
    assert stored(again) == {"loss": {"min": 1.0}}


def test_a_value_that_cannot_be_kept_is_left_out_with_a_warning_and_the_others_are_kept(run: artfs.Run) -> None:
    with pytest.warns(RuntimeWarning, match=r"summary\['figure'\] is a object, which JSON cannot express.*left out"):
        run.log({"figure": object(), "loss": 1.0})
    assert stored(run) == {"loss": 1.0}


def test_what_is_no_mapping_of_names_is_refused(run: artfs.Run) -> None:
    for wrong in (3, [("a", 1)], {1: 2}):
        with pytest.raises(TypeError, match="needs a mapping of names"):
            run.log(wrong)  # type: ignore[arg-type] # that is what the test is about
    for summary, goal in (("least", None), ("min", "up"), ("best", None)):
        with pytest.raises(InvalidInputError):
            run.define_metric("a", summary=summary, goal=goal)
    assert stored(run) == {}
