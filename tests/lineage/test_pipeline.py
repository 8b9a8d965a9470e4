"""Steps that know nothing of artfs, run by `artfs run`: who made what from what is found out, edge by edge."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.catalog import EdgeKind
from tests.support.commands import Ended
from tests.support.mountedstore import MountedStore
from tests.support.runs import edges, learnt, numbered, opened, states

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


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[MountedStore]:
    """A store without versions, with both mounts."""
    with MountedStore(tmp_path) as store:
        store.done("init")
        store.mount("--staging", os.fspath(store.place("stage")))
        yield store
        assert store.troubles() == []


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
    """S50: the version that the draft shows is an input, unless the run has made it itself."""
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
        "clean-1": {"raw:v1", "clean:v0"},  # the draft shows what was committed of it
        "train-1": {"clean:v1", "model:v0"},
        "evaluate-1": {"model:v1", "clean:v1", "report:v0"},
    }
    assert opened(staged.store)["train-1"] == {"clean:v1": 5, "model:v0": 0}
    assert learnt(staged.store)["train-1"] == {"clean:v1": "open", "model:v0": "commit"}
    assert set(states(staged.store).values()) == {"finished"}


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
        line = staged.line("run", "--name", f"run-{run}", "--", *command)
        processes.append(subprocess.Popen(line, pass_fds=[waiting], stderr=subprocess.PIPE))
    os.write(go, b"!" * 16)
    for process in processes:
        assert (process.communicate(timeout=120)[1], process.returncode) == (b"", 0)
    os.close(waiting)
    os.close(go)
    assert opened(staged.store) == truth
    assert os.listdir(staged.store / "runs") == ["generation"]
