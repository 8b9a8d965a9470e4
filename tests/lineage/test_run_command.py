"""`artfs run`: a command ends as a shell would tell, and its run says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mountedstore import MountedStore
from tests.support.mounts import NOBODY, ROOT, children, wait_until
from tests.support.runs import edges, numbered, states


def _folded(store: MountedStore) -> bool:
    """Look at the runs, and whether nothing of them is left to fold then."""
    store.done("runs")
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
    told = ended.err.decode().splitlines()
    assert ended.code == code
    assert [line for line in told if "is not mounted" in line] == told[:1]
    assert len(told) == (2 if code in {126, 127} else 1)
    assert states(store.store) == {"step": state}


def test_options_of_the_command_are_the_command_s(store: MountedStore) -> None:
    ended = store.run("run", "--", "echo", "--name", "x", "--help")
    assert (ended.code, ended.out) == (0, b"--name x --help\n")


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
        mounted.done("runs")
        assert edges(mounted.store) == {"step": {"animals:v0"}}  # while it runs
        process.kill()
        process.wait()
        os.kill(command, signal.SIGKILL)
        wait_until(lambda: b"crashed" in mounted.done("runs").out)
    assert states(mounted.store) == {"step": "crashed"}
    assert edges(mounted.store) == {"step": {"animals:v0"}}
    wait_until(lambda: _folded(mounted))


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
    mounted.done("runs")
    assert edges(mounted.store) == {"step": {"animals:v0"}}
    os.write(go, b"!")
    wait_until(lambda: _folded(mounted))
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
