"""The end of a run: its directory goes once no process of it lives, which costs nothing where there can be none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import artfs
from artfs.api.store_pool import close_stores, shared_store
from artfs.lineage import flush, record_crashes
from artfs.lineage.run_resolver import run_in_environment

SLEEP = ["sleep", "1000"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "store"
    close_stores()


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes whose environment is read."""
    pids: list[int] = []

    def read(pid: int) -> str | None:
        pids.append(pid)
        return run_in_environment(pid)

    monkeypatch.setattr(flush, "run_in_environment", read)
    return pids


def is_tracked(store: Path, run: artfs.Run) -> bool:
    return (store / "runs" / run.id).is_dir()


_CHILDLESS = """
import subprocess, sys
import artfs
from artfs.lineage import flush

looked_at = []
flush.run_in_environment = looked_at.append
subprocess.run(["true"], check=True)  # as when git is asked, before the run begins
run = artfs.init(store=sys.argv[1])
run.finish()
assert looked_at == [], looked_at
"""


def test_a_run_of_a_process_without_children_ends_without_a_look_at_others(place: Path) -> None:
    _passes(_CHILDLESS, place)
    assert list((place / "runs").glob("[a-z0-9]" * 8)) == []


@pytest.mark.parametrize("line", [SLEEP, ["sh", "-c", "sleep 1000 & echo $!"]], ids=["child", "grandchild"])
def test_a_process_that_outlives_its_run_keeps_it_tracked(place: Path, looked_at: list[int], line: list[str]) -> None:
    run = artfs.init(store=place)
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        alive = process.pid if line == SLEEP else int(process.stdout.readline())
        if alive != process.pid:
            process.wait()
        run.finish()
        assert alive in looked_at
        assert is_tracked(place, run)
        record_crashes(shared_store(place))
        assert is_tracked(place, run)
        os.kill(alive, signal.SIGKILL)
        while b"sleep" in _command(alive):
            pass
    record_crashes(shared_store(place))
    assert not is_tracked(place, run)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_program_that_somebody_else_started_with_the_id_keeps_the_run_tracked(place: Path) -> None:
    program = "import artfs, sys; artfs.init(id='abcd0123', store=sys.argv[1]).finish()"
    with subprocess.Popen(SLEEP, env={**os.environ, "ARTFS_RUN_ID": "abcd0123"}) as process:
        subprocess.run([sys.executable, "-c", program, str(place)], check=True)
        assert (place / "runs" / "abcd0123").is_dir()
        process.kill()
    with artfs.init(store=place):
        assert not (place / "runs" / "abcd0123").exists()


def test_another_process_that_takes_part_keeps_the_run_tracked(place: Path) -> None:
    """It was registered by `init` with the same id, and is no child of the one that ends the run."""
    run = artfs.init(store=place)
    program = "import artfs, sys; artfs.init(id=sys.argv[1], store=sys.argv[2]); print(flush=True); sys.stdin.read()"
    line = [sys.executable, "-c", program, run.id, str(place)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        run.finish()
        assert is_tracked(place, run)
        process.kill()
    record_crashes(shared_store(place))
    assert not is_tracked(place, run)


_WATCHED = """
import os, signal, subprocess, threading
from artfs.lineage.flush import ChildWatch

watch = ChildWatch()
assert not watch.had_children()
thread = threading.Thread(target=lambda: None)
thread.start()
thread.join()
assert not watch.had_children()
pid = os.fork()
if not pid:
    os._exit(1 if watch.had_children() else 0)
assert watch.had_children()
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1, "a fork cannot know"
assert watch.had_children()
assert not ChildWatch().had_children()
watch = ChildWatch()
subprocess.run(["true"], check=True)
assert watch.had_children()
"""

_IGNORED = """
import signal
from artfs.lineage.flush import ChildWatch

watch = ChildWatch()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
assert watch.had_children()
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
assert not watch.had_children()
"""


def _passes(program: str, *arguments: Path) -> None:
    """Run it in a process of its own: the one that runs tests may have children."""
    subprocess.run([sys.executable, "-c", program, *arguments], check=True)


def test_a_watch_notices_every_kind_of_child() -> None:
    _passes(_WATCHED)


def test_where_children_leave_no_trace_there_may_have_been_some() -> None:
    _passes(_IGNORED)
