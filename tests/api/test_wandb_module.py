"""The module level of artfs, as scripts that `import artfs as wandb` use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import artfs
from artfs.errors import InvalidInputError, NotFoundError

pytestmark = pytest.mark.usefixtures("place")

# Modules and names as scripts written for W&B import and call them.
_SCRIPT = """
import artfs as wandb
from artfs.apis.public import Api
from artfs.errors import CommError, UsageError
from artfs import log, finish

assert wandb.run is None
assert wandb.login(key="x" * 40) is True
wandb.setup()
wandb.require("core")
wandb.finish()
run_id = wandb.util.generate_id()
wandb.init(id=run_id, project="animals", config={"lr": 0.1}, settings=wandb.Settings(silent=True))
assert wandb.run.id == run_id
assert wandb.config.lr == 0.1
wandb.config.update({"epochs": 2}, allow_val_change=True)
wandb.define_metric("acc", summary="max")
wandb.watch(object(), log="all")
for epoch in range(wandb.config["epochs"]):
    log({"acc": 1 - epoch, "epoch": epoch}, step=epoch)
wandb.summary["done"] = True
wandb.run.summary.update({"more": 1})
open("a.txt", "w").write("a")
artifact = wandb.Artifact("data", type="dataset")
artifact.add_file("a.txt")
wandb.log_artifact(artifact).wait()
assert wandb.use_artifact("data:latest").version == "v0"
wandb.save("a.txt", policy="now")
wandb.alert("slow", "loss\\nrises", level=wandb.AlertLevel.WARN)
wandb.termlog("one")
wandb.termwarn("two", repeat=False)
wandb.termwarn("two", repeat=False)
finish()
assert wandb.run is None
try:
    Api(overrides={"project": "animals"}).artifact("missing")
except (CommError, wandb.errors.CommError) as error:
    print(type(error).__name__)
run = wandb.Api().run(f"team/animals/{run_id}")
print(run.state, run.config.as_dict(), run.summary.as_dict())
print([used.name for used in run.used_artifacts()], [made.name for made in run.logged_artifacts()])
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


def test_a_script_that_uses_the_module_level_runs_with_its_import_changed(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run([sys.executable, "-c", _SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    error, values, lineage = ran.stdout.splitlines()
    assert error == "NotFoundError"
    assert values == ("finished {'epochs': 2, 'lr': 0.1} {'acc': {'max': 1}, 'done': True, 'epoch': 1, 'more': 1}")
    assert lineage.startswith("['data:v0'] ['data:v0', 'run-")
    alert, *lines = ran.stderr.splitlines()
    assert alert.startswith("artfs: WARN in run ")
    assert alert.endswith(": slow: loss rises")
    assert lines == ["artfs: one", "artfs: warning: two"]
    assert not (tmp_path / ".netrc").exists()


def test_run_config_and_summary_are_those_of_the_innermost_run(tmp_path: Path) -> None:
    outer = artfs.init(config={"a": 1})
    inner = artfs.init(config={"a": 2}, store=tmp_path / "other")
    assert artfs.run is inner
    assert artfs.config is inner.config
    assert artfs.summary is inner.summary
    inner.finish()
    assert artfs.run is outer
    outer.finish()
    assert artfs.run is None


def test_outside_of_runs_what_needs_one_says_so() -> None:
    with pytest.raises(InvalidInputError, match=r"artfs\.log\(\) needs a run: call artfs\.init\(\) first"):
        artfs.log({"a": 1})
    with pytest.raises(AttributeError, match=r"artfs\.config needs a run"):
        _ = artfs.config
    assert not hasattr(artfs, "summary")
    artfs.finish()


def test_a_run_of_another_process_is_not_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTFS_RUN_ID", "aaaaaaaa")
    assert artfs.run is None


def test_generated_ids_are_ids_of_runs() -> None:
    made = artfs.util.generate_id()
    with artfs.init(id=made) as run:
        assert run.id == made
    assert len(artfs.util.generate_id(12)) == 12
    assert artfs.util.generate_id() != made


def test_the_api_takes_arguments_as_wandb_names_and_orders_them() -> None:
    with artfs.init(project="p", entity="e", id="My run") as run:
        run.log_artifact(artifact_or_path=artfs.Artifact("model", type="model"))
        run.use_artifact(artifact_or_name="model:v0", type="model", use_as="input")
    with artfs.init(project="q") as other:
        pass
    api = artfs.Api(overrides={"project": "p"}, timeout=30, api_key="x")
    for versions in (
        api.artifacts("model", "model"),
        api.artifacts(type_name="model", name="model", per_page=5),
        api.artifacts("model"),
        api.artifacts("model", type="model"),
        api.artifact_type("model", "e/p").collections()[0].versions(),
        api.artifact_collection("model", "model").artifacts(),
        api.artifact_collections("e/p", "model")[0].artifacts(),
        api.artifact_collections("model")[0].artifacts(),
        api.artifact_collections(project_name="e/p", type_name="model", per_page=3)[0].artifacts(),
    ):
        assert [version.name for version in versions] == ["model:v0"]
    assert [one.name for one in api.artifact_types("e/p")] == ["model"]
    for wrong in (lambda: api.artifacts("dataset", "model"), lambda: api.artifact_type("dataset")):
        with pytest.raises(NotFoundError):
            wrong()
    with pytest.raises(NotFoundError, match="no artifact model of type dataset"):
        api.artifact_collection("dataset", "model")
    assert [one.id for one in api.runs("e/p")] == [one.id for one in api.runs(path="p")] == [run.id]
    assert [one.id for one in api.runs()] == [run.id]
    assert [one.id for one in artfs.Api().runs(order="-created_at")] == [other.id, run.id]
    assert [one.id for one in artfs.Api().runs("-")] == [other.id, run.id]
    assert [one.id for one in api.runs("e/p", {}, "-created_at", 10)] == [run.id]
    with pytest.raises(InvalidInputError, match="filters are not there"):
        api.runs("e/p", {"state": "finished"})
    for path in (run.id, f"p/{run.id}", f"e/p/{run.id}", "e/p/My run"):
        assert api.run(path).id == run.id
