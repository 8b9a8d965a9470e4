"""Looking writes nothing: commands and calls that show things leave the store byte for byte as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artfs import Api, Artifact
from artfs.api.store_pool import close_stores
from artfs.lineage import RunDirectories
from artfs.lineage.open_bitmap import OpenBitmapFile
from artfs.store import open_store
from tests.support.commands import Commands, store_state

_PREPARE = """
import artfs, os, sys
for name in ("raw", "gone"):
    artifact = artfs.Artifact(name)
    for number in range(9):
        with artifact.new_file(f"{number}") as file:
            file.write(name + str(number))
    with artfs.init(name=f"make {name}") as run:
        run.log_artifact(artifact)
        run.log_artifact(artifact.new_draft())
run = artfs.init(name="dies")
run.use_artifact("raw:v0")
artifact = artfs.Artifact("model")
with artifact.new_file("weights") as file:
    file.write("1")
run.log_artifact(artifact)
print(run.id, flush=True)
os._exit(3)
"""
_RUNNING = "import artfs, sys; print(artfs.init(name='runs').id, flush=True); sys.stdin.read()"


def record_opens(store: Path, run: str, serial: int, *positions: int) -> None:
    """Record opens as a worker of a mount does when processes of a run open entries of a version."""
    file = OpenBitmapFile(RunDirectories(store / "runs").run(run).opened, serial, "0123456789abcdef", time.time_ns())
    for position in positions:
        file.add(position)
    file.close()


@pytest.fixture
def crashed(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    """A store with a run that crashed and one that goes on; neither is flushed, and one version was deleted since."""
    made = Commands(tmp_path / "store", capfdbinary, monkeypatch)
    with subprocess.Popen(
        [sys.executable, "-c", _RUNNING], env=made.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        alive = running.stdout.readline().decode().strip()
        line = [sys.executable, "-c", _PREPARE]
        ended = subprocess.run(line, env=made.environment, check=False, stdout=subprocess.PIPE, timeout=60)
        assert ended.returncode == 3
        dead = ended.stdout.decode().strip()
        made.environment |= {"DEAD": dead, "ALIVE": alive}
        with open_store(made.store) as store, store.catalog.view() as view:
            serials = {str(view.ref(version)): version.serial for version in view.all_versions()}
        for run, ref, positions in (
            (dead, "raw:v0", (1, 2)),
            (dead, "raw:v1", (3,)),
            (dead, "gone:v0", (4, 5, 6)),
            (alive, "raw:v0", range(1, 8)),
            (alive, "model:v0", (1,)),
        ):
            record_opens(made.store, run, serials[ref], *positions)
        made.done("rm", "gone:v0")
        record_opens(made.store, dead, 999, 1)  # of a version that is not there
        made.done("cat", "raw:v0/0")  # a reader removes what dead readers left to protect versions from gc
        yield made
        running.communicate()


COMMANDS = {
    "runs": ["runs"],
    "runs in JSON": ["runs", "--json"],
    "a crashed run": ["runs", "show", "DEAD"],
    "a crashed run in JSON": ["runs", "show", "DEAD", "--json"],
    "a run": ["runs", "show", "ALIVE", "--json"],
    "lineage": ["lineage", "raw:v0"],
    "lineage up": ["lineage", "model", "--up", "--depth", "3"],
    "lineage in dot": ["lineage", "raw:v1", "--format", "dot"],
    "lineage in mermaid": ["lineage", "raw:v0", "--format", "mermaid"],
    "lineage in JSON": ["lineage", "raw:v0", "--format", "json"],
    "lineage in OpenLineage": ["lineage", "raw:v0", "--format", "openlineage"],
    "history": ["history", "--json"],
    "info": ["info", "--json"],
    "artifacts": ["ls", "--json"],
    "a directory": ["ls", "raw:v0"],
    "log": ["log", "raw", "--json"],
    "show": ["show", "model", "--json"],
    "tree": ["tree", "raw:v0"],
    "size": ["du", "raw"],
    "contents": ["cat", "raw:v0/3"],
    "diff": ["diff", "raw:v0", "raw:v1"],
    "tags": ["tag", "ls", "raw:v0"],
    "aliases": ["alias", "ls", "raw"],
    "fsck": ["fsck", "--read-data"],
    "gc": ["gc", "--dry-run"],
}


def shown_by(commands: Commands, line: list[str]) -> str:
    """What a command prints, but for what is another time each time."""
    ended = commands.done(*(commands.environment.get(word, word) for word in line))
    text = ended.text
    if "runs" in line and "--json" in line:
        documents = ended.json if isinstance(ended.json, list) else [ended.json]
        for document in documents:
            if document["state"] == "crashed":
                assert document.pop("ended") is not None
        text = json.dumps(documents)
    if "openlineage" in line:
        events = [json.loads(event) for event in ended.lines]
        text = json.dumps(
            [{k: v for k, v in e.items() if (k, e["eventType"]) != ("eventTime", "ABORT")} for e in events]
        )
    if "show" in line:
        text = "\n".join(line for line in text.split("\n") if not line.startswith("ended"))
    return text


def test_commands_that_show_something_write_nothing(crashed: Commands) -> None:
    before = store_state(crashed.store)
    for name, line in COMMANDS.items():
        shown_by(crashed, line)
        assert store_state(crashed.store) == before, name


def test_a_crashed_run_is_shown_as_it_is_once_its_crash_is_recorded(crashed: Commands) -> None:
    """Proof of S52.

    S52: Any command that looks at runs or lineage finds that out, if it is on the same machine in the
    same pid namespace;
    looking writes nothing.
    """
    lines = {name: line for name, line in COMMANDS.items() if {"runs", "lineage"} & set(line)}
    before = {name: shown_by(crashed, line) for name, line in lines.items()}
    changes = crashed.done("info", "--json").json["changes"]
    crashed.done("gc")  # records the crash, and all that was opened
    assert crashed.done("info", "--json").json["changes"] > changes + 2
    assert sorted(os.listdir(crashed.store / "runs")) == sorted([crashed.environment["ALIVE"], "generation"])
    for name, line in lines.items():
        assert shown_by(crashed, line) == before[name], name


def _names(artifacts: list[Artifact]) -> list[str]:
    return [artifact.name for artifact in artifacts]


CALLS: dict[str, tuple[Callable[[Commands], object], object]] = {
    "used_by": (
        lambda c: [(run.name, run.state) for run in Api(c.store).artifact("raw:v0").used_by()],
        [("dies", "crashed"), ("runs", "running")],
    ),
    "used_by, only opened": (
        lambda c: [run.name for run in Api(c.store).artifact("raw:v1").used_by()],
        ["dies"],
    ),
    "logged_by": (lambda c: Api(c.store).artifact("model:v0").logged_by().name, "dies"),  # type: ignore[union-attr]  # a run did
    "ancestors": (
        lambda c: _names(Api(c.store).artifact("model:v0").ancestors()),
        ["raw:v0", "raw:v1"],
    ),
    "descendants": (lambda c: _names(Api(c.store).artifact("raw:v1").descendants()), ["model:v0"]),
    "used_artifacts": (
        lambda c: _names(Api(c.store).run(c.environment["DEAD"]).used_artifacts()),
        ["raw:v0", "raw:v1"],
    ),
    "used_artifacts of a run": (
        lambda c: _names(Api(c.store).run(c.environment["ALIVE"]).used_artifacts()),
        ["raw:v0", "model:v0"],
    ),
    "logged_artifacts": (
        lambda c: _names(Api(c.store).run(c.environment["DEAD"]).logged_artifacts()),
        ["model:v0"],
    ),
    "state": (lambda c: Api(c.store).run(c.environment["DEAD"]).state, "crashed"),
    "runs": (lambda c: min(run.state for run in Api(c.store).runs()), "crashed"),
    "artifacts": (lambda c: _names(Api(c.store).artifacts("raw")), ["raw:v1", "raw:v0"]),
}


def test_calls_that_show_something_write_nothing_and_see_what_is_not_recorded(crashed: Commands) -> None:
    before = store_state(crashed.store)
    for name, (call, expected) in CALLS.items():
        assert call(crashed) == expected, name
        close_stores()
        assert store_state(crashed.store) == before, name
    crashed.done("gc")
    for name, (call, expected) in CALLS.items():
        assert call(crashed) == expected, name
    close_stores()


def test_a_run_records_the_crash_of_another_when_it_starts_and_when_it_ends(crashed: Commands) -> None:
    def recorded() -> str:
        with open_store(crashed.store) as store, store.catalog.view() as view:
            return view.resolve_run(crashed.environment["DEAD"]).state

    end = "import artfs, sys; run = artfs.init(); print(run.id, flush=True); sys.stdin.readline(); run.finish()"
    assert recorded() == "running"
    program = [sys.executable, "-c", end]
    with subprocess.Popen(program, env=crashed.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ending:
        assert ending.stdout is not None
        ending.stdout.readline()
        assert recorded() == "crashed"
        with subprocess.Popen(
            [sys.executable, "-c", _RUNNING], env=crashed.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as killed:
            assert killed.stdout is not None
            crashed.environment["DEAD"] = killed.stdout.readline().decode().strip()
            killed.kill()
        assert recorded() == "running"
        ending.communicate(b"\n")
        assert recorded() == "crashed"
