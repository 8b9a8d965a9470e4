"""`Run.history` and `Run.scan_history`: what was logged comes back, from other processes, and after a kill."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import artfs
from artfs.store.fsck import fsck


@pytest.fixture
def run(tmp_path: Path) -> artfs.Run:
    return artfs.init(store=tmp_path / "store")


def logged(run: artfs.Run) -> list[dict[str, object]]:
    """Return what another object of the run reads, without the times."""
    rows = artfs.Api(run.store_path).run(run.id).scan_history()
    return [{key: value for key, value in row.items() if key not in {"_timestamp", "_runtime"}} for row in rows]


def files_of(run: artfs.Run) -> list[str]:
    return sorted(os.listdir(run.store_path / "steps" / run.id))


def test_each_step_has_what_was_logged_and_its_times(run: artfs.Run) -> None:
    run.log({"loss": 2.0, "phase": "warm", "sizes": [1, 2]})
    run.log({"loss": math.nan, "val": {"acc": math.inf, "deep": {"n": 3}}, "half": np.float32(0.5), "big": 1 << 70})
    run.finish()
    first, second = artfs.Api(run.store_path).run(run.id).history(pandas=False)
    assert 0 <= first["_runtime"] <= second["_runtime"] < 60
    assert first["_timestamp"] <= second["_timestamp"]
    assert {key: first[key] for key in ("_step", "loss", "phase", "sizes")} == {
        "_step": 0,
        "loss": 2.0,
        "phase": "warm",
        "sizes": [1, 2],
    }
    assert math.isnan(second.pop("loss"))
    assert {key: value for key, value in second.items() if key not in {"_timestamp", "_runtime"}} == {
        "_step": 1,
        "val.acc": math.inf,
        "val.deep.n": 3,
        "half": 0.5,
        "big": str(1 << 70),
    }


def test_steps_are_gathered_and_one_that_is_over_is_left_out_with_a_warning(run: artfs.Run) -> None:
    run.log({"a": 1}, commit=False)
    run.log({"b": 2})
    run.log({"a": 3}, step=5)
    run.log({"b": 4}, step=5)
    with pytest.warns(RuntimeWarning, match="step 3 is over, the run is at step 5: a are left out"):
        run.log({"a": 9}, step=3)
    run.finish()
    assert logged(run) == [{"_step": 0, "a": 1, "b": 2}, {"_step": 5, "a": 3, "b": 4}]
    assert run.summary.as_dict() == {"a": 3, "b": 4}


def test_a_metric_that_is_plotted_over_another_has_its_last_value_in_each_step(run: artfs.Run) -> None:
    run.define_metric("val/*", step_metric="epoch")
    run.log({"epoch": 1})
    run.log({"val/acc": 0.5})
    run.log({"val/acc": 0.6, "epoch": 2})
    run.log({"train": 1})
    run.finish()
    assert logged(run) == [
        {"_step": 0, "epoch": 1},
        {"_step": 1, "val/acc": 0.5, "epoch": 1},
        {"_step": 2, "val/acc": 0.6, "epoch": 2},
        {"_step": 3, "train": 1},
    ]


def test_history_is_a_sample_with_the_first_and_the_last_step(run: artfs.Run) -> None:
    for step in range(1000):
        run.log({"loss": step, "odd": step} if step % 2 else {"loss": step})
    frame = run.history(samples=11)
    assert frame["loss"].iloc[[0, -1]].tolist() == [0, 999]
    assert len(frame) == 11
    of_odd = run.history(samples=3, keys=["odd"], x_axis="_runtime", pandas=False)
    assert [row["odd"] for row in of_odd] == [1, 499, 999]
    assert of_odd[0].keys() == {"odd", "_runtime"}
    assert [row["odd"] for row in run.scan_history(["odd"], min_step=11, max_step=15)] == [11, 13]
    run.finish()


def test_a_run_that_goes_on_counts_on_and_has_one_file_when_it_is_over(run: artfs.Run) -> None:
    run.log({"a": 1})
    run.finish()
    assert files_of(run) == ["all"]
    again = artfs.init(id=run.id, store=run.store_path)
    assert again.step == 1
    again.log({"a": 2})
    assert [row["a"] for row in again.scan_history()] == [1, 2]
    again.finish()
    assert files_of(run) == ["all"]
    assert logged(run) == [{"_step": 0, "a": 1}, {"_step": 1, "a": 2}]


_KILLED = """
import artfs, sys, time
run = artfs.init(store=sys.argv[1], id="killedit")
run.define_metric("low", summary="min")
started = time.monotonic()
run.log({"low": 5.0})
while True:
    logged = time.monotonic() - started
    run.log({"at": logged, "val": {"acc": 0.5}})
    print(logged, flush=True)
    time.sleep(0.001)
"""


def test_a_run_that_is_killed_has_all_but_the_last_second_and_its_summary_follows(tmp_path: Path) -> None:
    store = tmp_path / "store"
    program = subprocess.Popen([sys.executable, "-c", _KILLED, str(store)], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    logged = [float(program.stdout.readline())]
    while logged[-1] < 2.5:
        logged.append(float(program.stdout.readline()))
    reader = artfs.Api(store).run("killedit")
    assert reader.history(pandas=False)  # also a run that goes on is read
    program.send_signal(signal.SIGKILL)
    logged += [float(line) for line in program.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    program.wait()
    program.stdout.close()
    kept = [row["at"] for row in reader.scan_history(["at"])]
    assert kept == pytest.approx(logged[: len(kept)])
    assert kept[-1] >= logged[-1] - 1
    killed = artfs.Api(store).run("killedit").summary
    assert (killed["at"], killed["val"], killed["low"]) == (kept[-1], {"acc": 0.5}, 5.0)
    show = [sys.executable, "-m", "artfs.cli", "--store", str(store), "runs", "show", "killedit", "--json"]
    shown = json.loads(subprocess.run(show, stdout=subprocess.PIPE, check=True).stdout)
    assert (shown["state"], shown["summary"]) == ("crashed", dict(killed))
    (part,) = (store / "steps" / "killedit").iterdir()
    part.write_bytes(part.read_bytes()[:-1])  # torn by a power cut
    torn = [row["at"] for row in reader.scan_history(["at"])]
    assert torn == kept[: len(torn)] != []
    assert fsck(store).clean
    artfs.init(store=store).finish()  # finds out that the other crashed
    assert [path.name for path in (store / "steps" / "killedit").iterdir()] == ["all"]
    again = artfs.init(store=store, id="killedit")
    assert again.step == len(list(reader.scan_history()))
    again.finish()


_PROCESSES = {
    "fork": multiprocessing.get_context("fork").Process,
    "spawn": multiprocessing.get_context("spawn").Process,
}


def _log_from_child(run: artfs.Run, value: int) -> None:
    run.log({"child": value})


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_a_run_log_beside_each_other(run: artfs.Run, method: str) -> None:
    run.log({"parent": 0})
    child = _PROCESSES[method](target=_log_from_child, args=(run, 7))
    child.start()
    run.log({"parent": 1})
    child.join()
    assert child.exitcode == 0
    run.finish()
    assert sorted(logged(run), key=repr) == [
        {"_step": 0, "parent": 0},
        {"_step": 1, "child": 7},
        {"_step": 1, "parent": 1},
    ]
    assert files_of(run) == ["all"]


def test_threads_log_to_one_run(run: artfs.Run) -> None:
    together = threading.Barrier(4)

    def log() -> None:
        together.wait()
        for _ in range(500):
            run.log({"a": 1})

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    assert [row["_step"] for row in logged(run)] == list(range(2000))


def test_a_pickled_run_goes_on_at_its_step(run: artfs.Run) -> None:
    run.log({"a": 1})
    run.log({"a": 2})
    assert pickle.loads(pickle.dumps(run)).step == 2  # noqa: S301 # made here
    run.finish()


def test_an_artifact_knows_the_step_at_which_it_was_logged(run: artfs.Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    early = run.log_artifact(tmp_path / "a", name="early")
    for _ in range(3):
        run.log({"a": 1})
    model = run.log_artifact(tmp_path / "a", name="model")
    run.log({"a": 1})
    run.finish()
    assert (early.history_step, model.history_step) == (None, 2)
    assert artfs.Api(run.store_path).artifact("model:v0").history_step == 2
    assert artfs.Artifact("draft", store=run.store_path).history_step is None


def test_ten_thousand_steps_of_ten_values_are_kept_in_less_than_three_megabytes(run: artfs.Run) -> None:
    random = np.random.default_rng(1)
    for values in random.normal(size=(10_000, 10)).tolist():
        run.log({f"metric/{place}": value for place, value in enumerate(values)})
    run.finish()
    assert (run.store_path / "steps" / run.id / "all").stat().st_size < 3 << 20
    assert len(logged(run)) == 10_000


def test_fsck_finds_a_history_that_is_damaged_and_its_rows_are_not_passed_off_as_all(run: artfs.Run) -> None:
    run.log({"a": 1})
    run.finish()
    path = run.store_path / "steps" / run.id / "all"
    path.write_bytes(path.read_bytes()[:-1])
    assert [finding.invariant for finding in fsck(run.store_path).findings] == ["H1"]
    with pytest.raises(artfs.errors.IntegrityError, match=f"history of run {run.id} is damaged"):
        run.history()
