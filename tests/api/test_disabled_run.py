"""`artfs.init(mode="disabled")`: the store hears nothing of the run. `resume="auto"`: the run that did not succeed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import artfs
from artfs.api.environment import announced_run
from artfs.errors import ArtifactNotLoggedError, NotFoundError, TypeMismatchError

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    return tmp_path


def _logged(name: str, type_: str = "dataset") -> artfs.Artifact:
    Path(f"{name}.txt").write_text(name)
    artifact = artfs.Artifact(name, type_)
    artifact.add_file(f"{name}.txt")
    artifact.save()
    return artifact


def test_a_disabled_run_leaves_no_run_no_history_no_edge_and_no_version(place: Path) -> None:
    rows = _logged("rows")
    journal = sorted((path, path.stat().st_size) for path in (place / "store" / "journal").rglob("*"))
    with artfs.init(mode="disabled", config={"lr": 1}, name="dry", group="all", resume="auto") as run:
        assert (run.state, run.name, dict(run.config)) == ("running", "dry", {"lr": 1})
        run.log({"loss": 2.0})
        run.log({"loss": 1.0})
        run.use_artifact("rows:latest")
        run.use_artifact(rows)
        made = run.log_artifact("rows.txt", name="made", type="model").wait()
        run.log_artifact(artfs.Artifact("other", "model")).wait()
        run.log_model("rows.txt", "model")
        run.upsert_artifact("rows.txt", name="parts")
        run.finish_artifact("rows.txt", name="parts")
        run.link_artifact(made, "wandb-registry-model/best")
        run.link_model("rows.txt", "best")
        run.save("rows.txt")
        assert run.log_code() is None
        run.alert("a", "b")
    assert (run.state, run.exit_code, run.summary["loss"], run.step) == ("finished", 0, 1.0, 2)
    assert (list(run.scan_history()), run.logged_artifacts(), run.used_artifacts()) == ([], [], [])
    assert made.is_draft()
    assert journal == sorted((path, path.stat().st_size) for path in (place / "store" / "journal").rglob("*"))
    assert artfs.Api().runs() == []
    assert not (place / "store" / "steps" / run.id).exists()
    assert rows.used_by() == []
    assert not Path("wandb").exists()


def test_what_a_disabled_run_uses_is_the_version_and_errors_are_those_of_any_run() -> None:
    _logged("net", "my-model")
    with artfs.init(mode="disabled") as run:
        assert run.use_artifact("net:v0").manifest.entries.keys() == {"net.txt"}
        assert Path(run.use_model("net")).read_text() == "net"
        with pytest.raises(NotFoundError):
            run.use_artifact("nothing:latest")
        with pytest.raises(TypeMismatchError):
            run.use_artifact("net:v0", type="dataset")
        with pytest.raises(TypeError):
            run.log([1])  # type: ignore[arg-type]
    with pytest.raises(ArtifactNotLoggedError, match="has no wait yet"):
        artfs.Artifact("alone").wait()


def test_a_disabled_run_is_the_current_one_until_it_ends_and_a_saved_artifact_is_no_output_of_it() -> None:
    run = artfs.init(mode="disabled")
    assert artfs.run is run
    saved = _logged("rows")
    assert saved.logged_by() is None
    artfs.log({"x": 3}, step=3)
    with pytest.warns(RuntimeWarning, match="step 1 is over"):
        artfs.log({"x": 1}, step=1)
    assert run.summary == {"x": 3}
    artfs.finish(exit_code=3)
    artfs.finish()
    assert (announced_run(), run.state, run.exit_code) == (None, "failed", 3)


def _killed() -> str:
    script = "import artfs, os; run = artfs.init(resume='auto'); print(run.id, flush=True); os.kill(os.getpid(), 9)"
    killed = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False)
    return killed.stdout.strip()


def _failed() -> str:
    run = artfs.init(resume="auto")
    run.finish(exit_code=1)
    return run.id


@pytest.mark.parametrize("interrupted", [_killed, _failed])
def test_resume_auto_goes_on_with_the_run_that_was_killed_or_failed_until_it_succeeds(
    interrupted: Callable[[], str],
) -> None:
    before = interrupted()
    assert json.loads(Path("wandb/wandb-resume.json").read_text()) == {"run_id": before}
    with artfs.init() as other:
        assert other.id != before
    with artfs.init(resume="auto") as run:
        assert run.id == before
        with artfs.init(resume=True) as beside:
            assert beside.id != before  # it runs
    assert run.state == "finished"
    with artfs.init(resume="auto") as new:
        assert new.id not in {before, beside.id}
    assert not Path("wandb/wandb-resume.json").exists()


def test_resume_auto_looks_in_dir_takes_a_given_id_and_passes_over_what_is_no_id(place: Path) -> None:
    run = artfs.init(resume="auto", dir=place / "runs", id="trainer1")
    run.finish(exit_code=1)
    file = place / "runs" / "wandb" / "wandb-resume.json"
    assert json.loads(file.read_text()) == {"run_id": "trainer1"}
    with artfs.init(resume="auto", id="trainer2", dir=place / "runs") as named:
        assert named.id == "trainer2"
    for wrong in ("", "[]", '{"run_id": "../../.."}', '{"run_id": "trainer9"}'):
        os.makedirs(file.parent, exist_ok=True)
        file.write_text(wrong)
        with artfs.init(resume="auto", dir=place / "runs") as new:
            assert new.id not in {"trainer1", "trainer2", "trainer9"}
