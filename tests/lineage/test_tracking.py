"""What runs open in a mount becomes their inputs, whichever of their processes opens it (docs/SEMANTICS.md, "Runs")."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from artfs.catalog import EdgeKind
from tests.support.data.runs import edges, opened, states
from tests.support.mounts.mountedstore import MountedStore

FORKED = """
import os, sys
for _ in range(4):
    if not os.fork():
        open(sys.argv[1]).read()
        os._exit(0)
for _ in range(4):
    os.wait()
"""
THREADED = """
import sys, threading
thread = threading.Thread(target=lambda: open(sys.argv[1]).read())
thread.start()
thread.join()
"""
LOADED = """
import multiprocessing, sys
def read(number):
    return open(f"{sys.argv[1]}/{number}").read()
if __name__ == "__main__":
    with multiprocessing.get_context("{method}").Pool(3) as pool:
        pool.map(read, range(30))
"""
SUBPROCESS = """
import subprocess, sys
subprocess.run(["cat", sys.argv[1]], check=True, env={env})
"""


def _run(store: MountedStore, *line: object) -> None:
    ended = store.run("-q", "run", "--name", "step", "--", *(str(word) for word in line))
    assert (ended.code, ended.err) == (0, b""), ended


@pytest.mark.parametrize(
    "line",
    [
        ["cat", "{file}"],
        ["sh", "-c", "cat {file} | tr 0-9 a-j | wc -c"],
        [sys.executable, "-c", FORKED, "{file}"],
        [sys.executable, "-c", THREADED, "{file}"],
        [sys.executable, "-c", SUBPROCESS.replace("{env}", "None"), "{file}"],
        [sys.executable, "-c", SUBPROCESS.replace("{env}", "{}"), "{file}"],
        ["env", "-i", "/bin/cat", "{file}"],
        ["env", "-u", "ARTFS_RUN_ID", "cat", "{file}"],
        ["setsid", "--wait", "cat", "{file}"],
        ["unshare", *([] if os.geteuid() == 0 else ["--user"]), "--pid", "--fork", "env", "-i", "/bin/cat", "{file}"],
    ],
    ids=["exec", "pipeline", "forks", "thread", "child", "bare-child", "env-i", "env-u", "session", "pid-namespace"],
)
def test_what_any_process_of_a_run_opens_is_an_input_of_it(mounted: MountedStore, line: list[str]) -> None:
    """S45: Whatever process of a run opens a file of a version in a mount, the version is an input of the run."""
    file = mounted.mountpoint / "animals" / "v0" / "7"
    file.read_bytes()  # in the page cache by now
    _run(mounted, *(word.replace("{file}", str(file)) for word in line))
    assert edges(mounted.store) == {"step": {"animals:v0"}}
    assert states(mounted.store) == {"step": "finished"}


def test_a_link_that_a_run_reads_in_a_mount_is_a_use_of_its_source(mounted: MountedStore) -> None:
    mounted.done("link", "-q", "animals:v0", "zoo")
    _run(mounted, "cat", mounted.mountpoint / "zoo" / "v0" / "7")
    assert edges(mounted.store) == {"step": {"animals:v0"}}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_loader_workers_are_of_the_run(mounted: MountedStore, tmp_path: Path, method: str) -> None:
    script = tmp_path / "load.py"
    script.write_text(LOADED.replace("{method}", method))
    _run(mounted, sys.executable, script, mounted.mountpoint / "animals" / "latest")
    assert edges(mounted.store) == {"step": {"animals:v0"}}


TORCH = """
import sys
from torch.utils.data import DataLoader, Dataset
class Files(Dataset):
    def __len__(self):
        return 90
    def __getitem__(self, index):
        return int(open(f"{sys.argv[1]}/{index}").read())
if __name__ == "__main__":
    loader = DataLoader(Files(), batch_size=8, shuffle=True, num_workers=2, multiprocessing_context="{method}")
    for _epoch in range(2):
        assert sorted(int(value) for batch in loader for value in batch) == list(range(90))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_workers_of_a_data_loader_of_torch_are_of_the_run(
    mounted: MountedStore, tmp_path: Path, method: str
) -> None:
    script = tmp_path / "train.py"
    script.write_text(TORCH.replace("{method}", method))
    _run(mounted, sys.executable, "-W", "ignore", script, mounted.mountpoint / "animals" / "latest")
    assert opened(mounted.store) == {"step": {"animals:v0": 90}}


def test_outside_of_runs_nothing_is_noted(mounted: MountedStore) -> None:
    """S49: Outside of runs nothing is noted."""
    _run(mounted, "true")
    (mounted.mountpoint / "animals" / "v0" / "1").read_bytes()
    assert edges(mounted.store) == {"step": set()}
    assert sorted(os.listdir(mounted.store / "runs")) == ["generation"]


NESTED = """
import os, subprocess, sys, artfs
run = artfs.init(name="inner", store=sys.argv[2])
open(sys.argv[1] + "/plants/v0/1").read()
subprocess.run(["cat", sys.argv[1] + "/rocks/v0/1"], check=True)
if not os.fork():
    open(sys.argv[1] + "/stars/v0/1").read()
    os._exit(0)
os.wait()
run.finish()
open(sys.argv[1] + "/animals/v0/2").read()
"""


def test_a_run_within_a_run_has_what_its_own_processes_open(mounted: MountedStore) -> None:
    """S46: then it, what it forks and what it starts belong to the new run."""
    for name in ("plants", "rocks", "stars"):
        mounted.put(mounted.top / "animals", name=name)
    _run(mounted, sys.executable, "-c", NESTED, mounted.mountpoint, mounted.store)
    assert edges(mounted.store) == {"step": {"animals:v0"}, "inner": {"plants:v0", "rocks:v0", "stars:v0"}}


KILLS = """
import os, signal, sys, time
workers = [int(pid) for pid in sys.argv[2:]]
for number in range(50):
    open(f"{sys.argv[1]}/{number}").read()
for worker in workers:
    os.kill(worker, signal.SIGKILL)
for number in range(50, 90):
    while True:
        try:
            open(f"{sys.argv[1]}/{number}").read()
            break
        except OSError:
            pass
"""


def test_a_killed_worker_loses_nothing_that_was_opened(mounted: MountedStore) -> None:
    """S47: a worker that is killed, make no difference: an open is noted first."""
    version = mounted.mountpoint / "animals" / "v0"
    for number in range(100):
        (version / str(number)).read_bytes()
    _run(mounted, sys.executable, "-c", KILLS, version, *mounted.workers())
    assert opened(mounted.store) == {"step": {"animals:v0": 90}}


MOVES = """
for number in 1 2 3 4; do
    cat "$1"/animals/latest/0
    "$2" -m artfs.cli put -q "$3" -n animals > "$3/../printed"
done
readlink "$1"/animals/latest
"""


def _moves(store: MountedStore, *options: str) -> bytes:
    line = ["run", "--name", "step", *options, "--", "sh", "-c", MOVES, "sh"]
    (store.top / "animals" / "0").write_text("changed")
    return store.done(*line, store.mountpoint, sys.executable, store.top / "animals").out


def test_an_alias_is_one_version_for_the_whole_run(mounted: MountedStore) -> None:
    """S48: In a run an alias is the version that it was when a process of the run first asked, to the end."""
    assert _moves(mounted) == b"0000v0\n"
    assert edges(mounted.store) == {"step": {"animals:v0"}}
    assert os.readlink(mounted.mountpoint / "animals" / "latest") == "v4"


def test_a_run_that_pins_nothing_follows_aliases(mounted: MountedStore) -> None:
    """S48: with `--no-pin` it is followed."""
    assert _moves(mounted, "--no-pin") == b"0changedchangedchangedv4\n"
    assert edges(mounted.store) == {"step": {f"animals:v{number}" for number in range(4)}}


EVERYWHERE = """
import os, subprocess, sys
import fsspec
from artfs import Api
mountpoint, store, source = sys.argv[1:]
artfs = [sys.executable, "-m", "artfs.cli", "--store", store]
def answers():
    with open(mountpoint + "/animals/latest/0") as file:
        yield file.read()
    yield subprocess.run([*artfs, "cat", "animals:latest/0"], check=True, capture_output=True, text=True).stdout
    yield fsspec.filesystem("artfs", store=store, skip_instance_cache=True).cat("animals:latest/0").decode()
    yield Api(store).artifact("animals:latest").name
before = list(answers())
subprocess.run([*artfs, "put", source, "-n", "animals"], check=True, stdout=subprocess.DEVNULL)
print(before == list(answers()), *before)
"""


def test_an_alias_is_the_same_version_whatever_asks_for_it(mounted: MountedStore) -> None:
    """S48: for `artfs get` and `artfs cat`, in Python and through fsspec; with `--no-pin` it is followed."""
    (mounted.top / "animals" / "0").write_text("changed")
    line = [sys.executable, "-c", EVERYWHERE, *map(os.fspath, (mounted.mountpoint, mounted.store))]
    ended = mounted.done("run", "--name", "step", "--", *line, mounted.top / "animals")
    assert ended.out == b"True 0 0 0 animals:v0\n"
    assert edges(mounted.store) == {"step": {"animals:v0"}}
    assert edges(mounted.store, EdgeKind.LOGGED) == {"step": {"animals:v1"}}
