"""Runs and lineage on the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.commands import Commands

_PIPELINE = """
import artfs, os
for name, used in (("raw", ()), ("clean", ("raw",)), ("model", ("clean",))):
    with artfs.init(name=f"make {name}", job_type="job") as run:
        for one in used:
            run.use_artifact(one)
        artifact = artfs.Artifact(name)
        with artifact.new_file("a") as file:
            file.write(name)
        run.log_artifact(artifact)
run = artfs.init(name="dies")
run.use_artifact("model")
os._exit(3)
"""


@pytest.fixture
def made(artfs: Commands) -> Commands:
    """raw, clean and model, each made of the one before; and a run that uses the model and dies."""
    ended = subprocess.run([sys.executable, "-c", _PIPELINE], env=artfs.environment, check=False, timeout=60)
    assert ended.returncode == 3
    return artfs


def _runs(artfs: Commands, *options: str) -> list[str]:
    return [run["name"] for run in artfs.done("runs", "--json", *options).json]


def test_lineage_shows_what_a_version_was_made_from_and_what_became_of_it(made: Commands) -> None:
    ids = {run["name"]: run["id"] for run in made.done("runs", "--json").json}
    up = [
        f"├─ logged by run {ids['make clean']} make clean [job] finished (api)",
        "│  └─ used raw:v0 (api)",
        f"│     └─ logged by run {ids['make raw']} make raw [job] finished (api)",
    ]
    down = [
        f"└─ used by run {ids['make model']} make model [job] finished (api)",
        "   └─ logged model:v0 (api)",
        f"      └─ used by run {ids['dies']} dies crashed (api)",
    ]
    assert made.done("lineage", "clean").lines == ["clean:v0", *up, *down]
    assert made.done("lineage", "clean", "--up", "--depth", "1").lines == [
        "clean:v0",
        up[0].replace("├", "└"),
        "   └─ used raw:v0 (api)",
    ]
    assert made.done("lineage", "raw", "--up", "--depth", "0").lines == ["raw:v0"]


def test_every_format_is_printed(made: Commands) -> None:
    assert made.done("lineage", "model", "--format", "dot").lines[0] == "digraph lineage {"
    assert made.done("lineage", "model", "--format", "mermaid").lines[0] == "flowchart LR"
    assert len(made.done("lineage", "model", "--format", "json").json["nodes"]) == 7
    events = [json.loads(line) for line in made.done("lineage", "model", "--format", "openlineage").lines]
    assert [event["eventType"] for event in events].count("ABORT") == 1


def test_runs_are_listed_the_newest_first_and_chosen_by_state_and_job_type(made: Commands) -> None:
    assert _runs(made) == ["dies", "make model", "make clean", "make raw"]
    assert _runs(made, "--state", "crashed") == ["dies"]
    assert _runs(made, "--job-type", "job", "-n", "1") == ["make model"]
    assert made.done("runs").lines[1].split()[3] == "crashed"


def test_a_run_is_shown_with_what_it_used_and_logged(made: Commands) -> None:
    [found] = made.done("runs", "--job-type", "job", "-n", "1", "--json").json
    shown = made.done("runs", "show", found["id"]).lines
    assert shown[-2:] == ["used       clean:v0 (api)", "logged     model:v0 (api)"]
    document = made.done("runs", "show", found["id"], "--json").json
    assert [(edge["ref"], edge["what"]) for edge in document["edges"]] == [("clean:v0", "used"), ("model:v0", "logged")]
    assert (document["state"], document["exit_code"]) == ("finished", 0)


def state_in_python(artfs: Commands, run: str) -> str:
    program = "import artfs, sys; print(artfs.Api().run(sys.argv[1]).state)"
    ended = subprocess.run(
        [sys.executable, "-c", program, run],
        env=artfs.environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.stdout.strip()


def test_a_run_that_is_killed_is_running_before_and_crashed_after(artfs: Commands) -> None:
    """S52: A run whose process died without ending it has crashed."""
    program = "import artfs, sys; print(artfs.init().id, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], env=artfs.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        run = child.stdout.readline().decode().strip()
        assert artfs.done("runs", "show", run, "--json").json["state"] == "running"
        assert state_in_python(artfs, run) == "running"
        child.kill()
        child.wait()
        assert state_in_python(artfs, run) == "crashed"
        assert artfs.done("runs", "show", run, "--json").json["ended"] is not None


def test_a_crash_is_noted_in_the_journal_once_and_not_by_looking(made: Commands) -> None:
    """S52: looking writes nothing. The start of a run, the end of one and `artfs gc` note it."""
    before = made.done("info", "--json").json["changes"]
    assert _runs(made, "--state", "crashed") == ["dies"]
    made.done("lineage", "model")
    made.done("gc", "--dry-run")
    assert made.done("info", "--json").json["changes"] == before
    for _ in range(2):
        made.done("gc")
        assert made.done("info", "--json").json["changes"] == before + 1
    assert _runs(made, "--state", "crashed") == ["dies"]


_TRAININGS = """
import artfs
def made(name, type, used=()):
    with artfs.init(name=f"train {name}", job_type="train") as run:
        for one in used:
            run.use_artifact(one)
        artifact = artfs.Artifact(name, type=type)
        with artifact.new_file("a") as file:
            file.write(run.id)
        run.log_artifact(artifact)
for _version in range(3):
    made("raw", "dataset")
made("clean", "dataset", ["raw:v0"])
made("small", "model", ["clean:v0"])
made("large", "model", ["raw:v1"])
made("large", "model", ["raw:v1", "clean"])
made("other", "model")
"""


@pytest.fixture
def trained(artfs: Commands) -> Commands:
    """raw:v0 to v2; `small` of raw:v0 by way of `clean`, `large` twice of raw:v1, and `other` of nothing."""
    subprocess.run([sys.executable, "-c", _TRAININGS], env=artfs.environment, check=True, timeout=60)
    return artfs


def test_the_models_that_any_version_of_a_data_set_went_into_are_one_command(trained: Commands) -> None:
    question = ("lineage", "raw", "--down", "--all-versions", "--type", "model")
    answer = trained.done(*question, "--json").json
    assert sorted(version["ref"] for version in answer) == ["large:v0", "large:v1", "small:v0"]
    header, *rows = trained.done(*question).lines
    assert header.split() == ["VERSION", "LOGGED", "RUN", "NAME"]
    runs = {version["ref"]: version["logged_by"] for version in answer}
    assert {(row.split()[0], row.split()[3]) for row in rows} == set(runs.items())
    assert all(row.endswith(f"train {row.split(':')[0]}") for row in rows)
    assert trained.done("lineage", "raw", "--down", "--type", "model", "--json").json == []
    nearest = trained.done(*question, "--depth", "1", "--json").json
    assert sorted(version["ref"] for version in nearest) == ["large:v0", "large:v1"]


def test_lineage_outlives_the_version(trained: Commands) -> None:
    """What a deleted version of the data set went into is found, and a deleted model is said to be that."""
    trained.done("rm", "raw:v0")
    trained.done("rm", "small:latest")
    answer = trained.done("lineage", "raw", "--down", "--all-versions", "--type", "model", "--json").json
    assert {version["ref"]: version["deleted"] for version in answer}["small:v0"] is True
    shown = trained.done("lineage", "raw", "--down", "--all-versions", "--type", "model").lines
    assert any(line.startswith("small:v0 (deleted) ") for line in shown)


def test_a_deleted_version_has_its_lineage_by_its_own_name_too(trained: Commands) -> None:
    """Also after gc, and when the whole artifact is deleted."""
    model = "small:v0"
    before = trained.done("lineage", model).text
    trained.done("rm", "small", "--all")
    for gc in (False, True):
        if gc:
            trained.done("gc", "--now")
        assert trained.done("lineage", model).text == before.replace(model, f"{model} (deleted)")
        assert trained.done("lineage", "small").lines[0] == f"{model} (deleted)"
        assert [run["name"] for run in trained.done("runs", "--logged", model, "--json").json]
    assert "does not exist" in trained("lineage", "small:v99").failed(3) + trained("lineage", "nosuch").failed(3)


def test_the_trees_of_all_versions_show_each_node_once_in_full(trained: Commands) -> None:
    lines = trained.done("lineage", "raw", "--down", "--all-versions").lines
    tops = [line for line in lines if line[0] not in "├└│ "]
    assert tops == ["raw:v1", "raw:v0", "1 version of which nothing of this is known"]
    assert sum("logged large:v1" in line for line in lines) == 1
    assert any(line.endswith(", as above") for line in lines)
    both = trained.done("lineage", "large", "--all-versions").lines
    assert [line for line in both if line[0] not in "├└│ "] == ["large:v1", "large:v0"]
    assert trained.done("lineage", "other", "--down", "--all-versions").lines == ["other:v0"]


def test_json_is_an_option_of_lineage_as_of_all_commands(trained: Commands) -> None:
    document = trained.done("lineage", "raw", "--all-versions", "--json").json
    assert trained.done("lineage", "raw", "--all-versions", "--format", "json").json == document
    refused = trained("lineage", "raw", "--json", "--format", "dot")
    assert (refused.code, json.loads(refused.err)["kind"]) == (2, "invalid_input")
    refs = {node["id"]: node["ref"] for node in document["nodes"] if node["kind"] == "version"}
    assert [refs[start] for start in document["starts"]] == ["raw:v2", "raw:v1", "raw:v0"]
    assert document["start"] == document["starts"][0]
    assert {"small:v0", "large:v1", "clean:v0"} < set(refs.values())
    assert len(document["nodes"]) == len({node["id"] for node in document["nodes"]})


def test_runs_are_chosen_by_what_they_used_and_logged_and_by_name(trained: Commands) -> None:
    assert _runs(trained, "--used", "raw:v1") == ["train large", "train large"]
    assert _runs(trained, "--used", "raw") == []
    assert _runs(trained, "--used", "raw", "--all-versions") == ["train large", "train large", "train clean"]
    assert _runs(trained, "--logged", "clean") == ["train clean"]
    assert _runs(trained, "--used", "clean", "--logged", "large") == ["train large"]
    assert _runs(trained, "--used", "clean", "--logged", "large:v0") == []
    assert _runs(trained, "--name", "*e", "-n", "1") == ["train large"]
    assert _runs(trained, "--name", "TRAIN*") == []
    assert len(_runs(trained, "--state", "failed", "--state", "finished")) == 8


def test_a_run_is_shown_by_a_name_that_no_other_has(trained: Commands) -> None:
    [small] = trained.done("runs", "--name", "train small", "--json").json
    assert trained.done("runs", "show", "train small", "--json").json["id"] == small["id"]
    ids = [run["id"] for run in trained.done("runs", "--name", "train large", "--json").json]
    assert trained("runs", "show", "train large").failed(4) == (
        f"several runs are called train large: name one by its id, the newest first {ids[0]}, {ids[1]}"
    )
    for name in ("", "x" * 1000, "train nothing"):
        assert "does not exist: `artfs runs` lists ids and names" in trained("runs", "show", name).failed(3)


_METRICS = """
import artfs, math
for name, accuracies in (("low", (0.1, 0.2)), ("high", (0.5, 0.9)), ("none", ())):
    with artfs.init(name=name) as run:
        for accuracy in accuracies:
            run.log({"val": {"acc": accuracy}, "loss": math.nan})
"""


def test_runs_are_sorted_by_a_value_and_their_history_is_printed(artfs: Commands) -> None:
    subprocess.run([sys.executable, "-c", _METRICS], env=artfs.environment, check=True, timeout=60)
    assert _runs(artfs, "--sort", "-summary.val.acc") == ["high", "low", "none"]
    assert _runs(artfs, "--sort", "acc", "-n", "2") == ["low", "high"]
    show = ("runs", "show", "high", "--history")
    assert [line.split() for line in artfs.done(*show).lines] == [
        ["_step", "val.acc", "loss"],
        ["0", "0.5", "nan"],
        ["1", "0.9", "nan"],
    ]
    assert artfs.done(*show, "--key", "val.acc", "--csv").lines == ["_step,val.acc", "0,0.5", "1,0.9"]
    rows = artfs.done(*show, "--json", "--samples", "2").json
    assert [(row["_step"], row["val.acc"], row["loss"]) for row in rows] == [(0, 0.5, None), (1, 0.9, None)]
    assert artfs.done("runs", "show", "none", "--history", "--json").json == []
    assert "go with --history" in artfs("runs", "show", "high", "--csv").failed(2)
