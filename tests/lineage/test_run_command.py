"""`artfs run`: a command ends as a shell would tell, and its run says so."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.catalog import EdgeKind
from tests.support.data.runs import edges, numbered, states
from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import NOBODY, ROOT, children, wait_until


def _flushed(store: MountedStore) -> bool:
    """Have runs flushed, and return whether nothing of them is left to flush then."""
    store.done("gc")
    return os.listdir(store.store / "runs") == ["generation"]


ENDS = {
    "true": (["true"], 0, "finished"),
    "false": (["false"], 1, "failed"),
    "code": (["sh", "-c", "exit 42"], 42, "failed"),
    "signal": (["sh", "-c", "kill -9 $$"], 137, "failed"),
    "absent": (["no-such-command-here"], 127, "failed"),
    "forbidden": (["/etc/passwd"], 126, "failed"),
}


@pytest.fixture
def store(tmp_path: Path) -> MountedStore:
    """A store that is not mounted."""
    made = MountedStore(tmp_path)
    made.done("init")
    return made


@pytest.mark.parametrize("end", ENDS)
def test_a_command_ends_as_a_shell_would_tell(store: MountedStore, end: str) -> None:
    line, code, state = ENDS[end]
    ended = store.run("run", "--name", "step", "--", *line)
    messages = ended.err.decode().splitlines()
    assert ended.code == code
    assert [line for line in messages if "is not mounted" in line] == messages[:1]
    assert len(messages) == (2 if code in {0, 126, 127} else 1)
    assert [line for line in messages if "logged no version" in line] == ([] if code else messages[1:])
    assert states(store.store) == {"step": state}


def test_options_of_the_command_are_the_command_s(store: MountedStore) -> None:
    ended = store.run("run", "--", "echo", "--name", "x", "--help")
    assert (ended.code, ended.out) == (0, b"--name x --help\n")


def test_what_follows_the_command_is_the_command_s_without_two_dashes_as_well(store: MountedStore) -> None:
    ended = store.run("run", "--name", "step", "echo", "-c", "x", "--json", "--", "--store", "-q", "--name", "y")
    assert (ended.code, ended.out) == (0, b"-c x --json -- --store -q --name y\n")
    assert all(line.startswith(b"artfs: ") for line in ended.err.splitlines())  # no JSON: it is not artfs's option
    assert states(store.store) == {"step": "finished"}


def test_a_run_without_inputs_or_outputs_says_in_a_line_what_makes_them(mounted: MountedStore, tmp_path: Path) -> None:
    file = mounted.mountpoint / "animals" / "v0" / "1"
    out = tmp_path / "out"
    used, logged = "what it opens in a mount of the store is used", "what it puts, or writes into a draft, is logged"
    put = shlex.join(map(os.fsdecode, mounted.line("-q", "put", out, "-n", "out")))
    lines = {
        "true": [f"used no version and logged none: {used}, {logged} (`artfs run --help`)"],
        f"cat {file}": [f"logged no version: {logged} (`artfs run --help`)"],
        f"echo x > {out} && {put}": [f"used no version: {used} (`artfs run --help`)"],
        f"cat {file} > {out} && {put}": [],
        "false": [],
    }
    for line, expected in lines.items():
        said = mounted.run("run", "sh", "-c", line).err.decode().splitlines()
        assert [text.split(maxsplit=3)[3] for text in said] == expected, line
    assert mounted.run("run", "-q", "true").err == b""


def test_a_run_names_the_drafts_that_it_wrote_and_that_are_not_committed(staged: MountedStore) -> None:
    staged.done("put", numbered(staged.top / "animals", 2), "-n", "animals")
    committed = Path(staged.done("stage", "weights", "--new").text)
    left = Path(staged.done("stage", "animals", "--as", "left").text)
    commit = shlex.join(map(os.fsdecode, staged.line("-q", "commit", committed)))
    script = f"cat {staged.mountpoint}/animals/latest/1 > {committed}/w && {commit} && echo x > {left}/y"
    ended = staged.run("run", "--name", "train", "sh", "-c", script)
    (run,) = [row["id"] for row in staged.done("runs", "--json").json]
    assert ended.err.decode() == (
        f"artfs: run {run} wrote into the draft '{left}', which is not committed yet: `artfs commit {left}` makes a"
        " version of it, as an output of the run\n"
    )
    assert edges(staged.store, EdgeKind.LOGGED) == {"train": {"weights:v0"}}
    status = staged.done("status", left)
    assert status.lines[1] == f"written by run {run}: the next commit is an output of it"
    assert staged.done("status", left, "--json").json["runs"] == [run]
    assert [draft["runs"] for draft in staged.done("drafts", "--json").json] == [[], [run]]
    done = staged.run("commit", left)
    assert (done.text, done.err.decode()) == ("animals:v1", f"artfs: animals:v1 is an output of run {run}\n")
    assert edges(staged.store, EdgeKind.LOGGED) == {"train": {"weights:v0", "animals:v1"}}
    assert edges(staged.store) == {"train": {"animals:v0"}}
    assert run in staged.done("lineage", "animals", "--up").text
    (left / "later").touch()
    assert staged.done("commit", left, "--json").json["runs"] == []
    (left / "named").touch()
    assert staged.done("commit", left, "--run", "train", "--json").json["runs"] == [run]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_is_passed_on(store: MountedStore, number: signal.Signals) -> None:
    script = f"trap 'echo got; exit 7' {number.name.removeprefix('SIG')}; echo ready; while :; do sleep 0.05; done"
    with store.start("run", "--name", "step", "--", "sh", "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.read() == b"got\n"
        assert process.wait(30) == 7
    assert states(store.store) == {"step": "failed"}


def test_a_run_whose_processes_were_killed_has_crashed_and_keeps_its_inputs(mounted: MountedStore) -> None:
    script = 'cat "$1"; echo; echo read; exec sleep 1000'
    file = mounted.mountpoint / "animals" / "latest" / "3"
    with mounted.start("run", "--name", "step", "--", "sh", "-c", script, "sh", file) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == [b"3\n", b"read\n"]
        (command,) = children(process.pid)
        shown = mounted.done("lineage", "animals", "--down").lines  # while it runs
        assert [line.split()[-4:] for line in shown[1:]] == [["running", "(open,", "1", "entry)"]]
        process.kill()
        process.wait()
        os.kill(command, signal.SIGKILL)
        wait_until(lambda: b"crashed" in mounted.done("runs").out)
    assert edges(mounted.store) == {"step": set()}
    mounted.done("gc")
    assert states(mounted.store) == {"step": "crashed"}
    assert edges(mounted.store) == {"step": {"animals:v0"}}
    wait_until(lambda: _flushed(mounted))


DAEMON = """
import os, sys
go = int(sys.argv[2])
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
for descriptor in (0, 1, 2):
    os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
os.read(go, 1)
open(sys.argv[1]).read()
os.write(int(sys.argv[3]), b"!")
os.read(go, 1)
"""


def test_what_a_daemon_opens_after_the_end_of_its_run_is_an_input_too(mounted: MountedStore) -> None:
    """S45: Whatever process of a run opens a file of a version in a mount, the version is an input of the run."""
    waiting, go = os.pipe()
    reading, done = os.pipe()
    file = mounted.mountpoint / "animals" / "v0" / "1"
    line = mounted.line("run", "--name", "step", "--", sys.executable, "-c", DAEMON, file, str(waiting), str(done))
    subprocess.run(line, cwd=ROOT, pass_fds=[waiting, done], check=True, timeout=60)
    assert states(mounted.store) == {"step": "finished"}
    assert edges(mounted.store) == {"step": set()}
    os.write(go, b"!")
    assert os.read(reading, 1) == b"!"
    mounted.done("gc")
    assert edges(mounted.store) == {"step": {"animals:v0"}}
    os.write(go, b"!")
    wait_until(lambda: _flushed(mounted))
    for descriptor in (waiting, go, reading, done):
        os.close(descriptor)


@pytest.mark.parametrize("bare", [[], ["env", "-i"]], ids=["environment", "bare"])
def test_a_process_of_another_user_is_of_the_run(tmp_path_factory: pytest.TempPathFactory, bare: list[str]) -> None:
    """S45: Whatever process of a run opens a file of a version in a mount, the version is an input of the run."""
    if os.geteuid() != 0:
        return  # only root may become another user
    with MountedStore(tmp_path_factory.mktemp("users")) as store:
        for directory in (store.top, *store.top.parents):
            directory.chmod(directory.stat().st_mode | 0o011)
        store.put(numbered(store.top / "animals", 3), name="animals")
        store.mount("--allow-other")
        file = os.fspath(store.mountpoint / "animals" / "v0" / "1")
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        ended = store.run("run", "--name", "step", "--", *user, *bare, "/bin/cat", file)
        assert (ended.code, ended.out) == (0, b"1"), ended
        assert edges(store.store) == {"step": {"animals:v0"}}
