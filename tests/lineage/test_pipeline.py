"""Steps that know nothing of artfs, run by `artfs run`: who made what from what is found out, edge by edge."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from artfs.catalog import EdgeKind
from tests.support.commands import Ended
from tests.support.data.runs import edge_sources, edges, numbered, opened, states
from tests.support.mounts.mountedstore import MountedStore

STEPS = {
    "clean": """
import os, sys
art, stage = sys.argv[1:]
draft = os.path.join(stage, "clean")
os.path.isdir(draft) or os.mkdir(draft)
for name in os.listdir(art + "/raw/latest"):
    with open(art + "/raw/latest/" + name) as source, open(draft + "/" + name, "w") as out:
        out.write(source.read().strip())
print(open(draft + "/.artfs/commit", "w").write("cleaned"), file=sys.stderr)
""",
    "train": """
import os, sys
art, stage = sys.argv[1:]
draft = os.path.join(stage, "model")
os.path.isdir(draft) or os.mkdir(draft)
total = sum(len(open(art + "/clean/latest/" + name).read()) for name in os.listdir(art + "/clean/latest"))
open(draft + "/weights", "w").write(str(total))
open(draft + "/.artfs/commit", "w").write("trained")
""",
    "evaluate": """
import os, sys
art, stage = sys.argv[1:]
draft = os.path.join(stage, "report")
os.path.isdir(draft) or os.mkdir(draft)
weights = open(art + "/model/latest/weights").read()
sample = open(art + "/clean/latest/0").read()
open(draft + "/score", "w").write(weights + sample)
open(draft + "/.artfs/commit", "w").write("evaluated")
""",
}


def _step(store: MountedStore, name: str, label: str) -> Ended:
    step = [sys.executable, "-c", STEPS[name], os.fspath(store.mountpoint), os.fspath(store.top / "stage")]
    ended = store.run("run", "--name", label, "--", *step)
    assert ended.code == 0, ended
    drafts = store.top / "stage" / {"clean": "clean", "train": "model", "evaluate": "report"}[name]
    store.run("commit", drafts, "--wait", "60")  # waits for the step's own commit; nothing is left to commit then
    return ended


def _raw(store: MountedStore, source: Path) -> None:
    ended = store.run("run", "--name", f"fetch-{source.name}", "--", *store.line("put", source, "-n", "raw"))
    assert ended.code == 0, ended


def test_a_pipeline_of_four_steps_yields_its_graph_twice(staged: MountedStore) -> None:
    """S50: What a run has made itself is no input of it."""
    for number in (0, 1):
        _raw(staged, numbered(staged.top / str(number), 5, f"{number}: "))
        for name in STEPS:
            _step(staged, name, f"{name}-{number}")
    assert edges(staged.store, EdgeKind.LOGGED) == {
        **{f"fetch-{number}": {f"raw:v{number}"} for number in (0, 1)},
        **{f"clean-{number}": {f"clean:v{number}"} for number in (0, 1)},
        **{f"train-{number}": {f"model:v{number}"} for number in (0, 1)},
        **{f"evaluate-{number}": {f"report:v{number}"} for number in (0, 1)},
    }
    assert edges(staged.store) == {
        "fetch-0": set(),
        "clean-0": {"raw:v0"},
        "train-0": {"clean:v0"},
        "evaluate-0": {"model:v0", "clean:v0"},
        "fetch-1": set(),
        "clean-1": {"raw:v1"},  # nothing is left of what the draft showed
        "train-1": {"clean:v1", "model:v0"},  # its weights are those of before
        "evaluate-1": {"model:v1", "clean:v1"},
    }
    assert opened(staged.store)["train-1"] == {"clean:v1": 5, "model:v0": 0}
    assert edge_sources(staged.store)["train-1"] == {"clean:v1": "open", "model:v0": "commit"}
    assert set(states(staged.store).values()) == {"finished"}


def test_contents_that_are_there_are_outputs_of_every_run_that_stores_them(staged: MountedStore) -> None:
    """By a put and by a draft's commit.

    S71: and with `if_changed` or `--if-changed` where the contents are the same.
    """
    source = numbered(staged.top / "same", 3)
    for label in ("first", "second"):
        put = staged.line("put", source, "-n", "raw", "--if-changed")
        assert staged.run("run", "--name", label, "--", *put).code == 0
    draft = Path(staged.done("stage", "raw").text)
    (draft / "0").write_text((source / "0").read_text())
    commit = staged.line("commit", draft, "--if-changed")
    assert staged.run("run", "--name", "third", "--", *commit).code == 0
    assert edges(staged.store, EdgeKind.LOGGED) == {label: {"raw:v0"} for label in ("first", "second", "third")}
    shown = staged.done("lineage", "raw", "--up").out.decode()
    assert [label for label in ("first", "second", "third") if label in shown] == ["first", "second", "third"]


def test_the_version_that_a_commit_is_merged_with_is_an_input_too(staged: MountedStore) -> None:
    """S50: So are both the base and the other version where a commit is merged."""
    staged.done("put", numbered(staged.top / "first", 2), "-n", "raw")
    draft = Path(staged.done("stage", "raw").text)
    staged.done("put", numbered(staged.top / "second", 3), "-n", "raw")
    (draft / "mine").touch()
    commit = staged.line("commit", draft, "--merge")
    assert staged.run("run", "--name", "merging", "--", *commit).code == 0
    assert edges(staged.store) == {"merging": {"raw:v0", "raw:v1"}}
    assert edges(staged.store, EdgeKind.LOGGED) == {"merging": {"raw:v2"}}


READ = """
import os, sys
top, go = sys.argv[1:3]
os.read(int(go), 1)
for path in sys.argv[3:]:
    open(os.path.join(top, path)).read()
"""


def test_sixteen_runs_at_once_lose_no_edge_and_take_none_from_another(staged: MountedStore) -> None:
    """S51: Runs at the same time, on one mount or several, take nothing from one another."""
    for number in range(4):
        source = numbered(staged.top / f"data-{number}", 40, str(number))
        for _version in range(2):
            staged.put(source, name=f"data-{number}")
    truth: dict[str, dict[str, int]] = {}
    waiting, go = os.pipe()
    processes = []
    for run in range(16):
        used = {f"data-{(run + step) % 4}:v{run >> step & 1}": 1 + (7 * run + step) % 40 for step in range(3)}
        truth[f"run-{run}"] = used
        paths = [f"{ref.replace(':', '/')}/{number}" for ref, count in used.items() for number in range(count)]
        command = [sys.executable, "-c", READ, os.fspath(staged.mountpoint), str(waiting), *paths]
        line = staged.line("run", "-q", "--name", f"run-{run}", "--", *command)
        processes.append(subprocess.Popen(line, pass_fds=[waiting], stderr=subprocess.PIPE))
    os.write(go, b"!" * 16)
    for process in processes:
        assert (process.communicate(timeout=120)[1], process.returncode) == (b"", 0)
    os.close(waiting)
    os.close(go)
    assert opened(staged.store) == truth
    assert os.listdir(staged.store / "runs") == ["generation"]
