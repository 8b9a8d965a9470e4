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
    told = subprocess.run(
        [sys.executable, "-c", program, run],
        env=artfs.environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return told.stdout.strip()


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


def test_a_crash_is_noted_in_the_journal_once(made: Commands) -> None:
    before = made.done("info", "--json").json["changes"]
    made.done("runs")
    made.done("runs")
    assert made.done("info", "--json").json["changes"] == before + 1
