"""Processes are distinguished, found dead only if that is known, and known by what `/proc` says of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from artfs.procfs import ancestors, current_process, environment_variable, is_dead, process_identity, read_stat


def test_a_child_that_is_a_zombie_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = process_identity(child.pid)
    assert not is_dead(process)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(process)
    child.communicate()


ELSEWHERE: dict[str, tuple[dict[str, object], bool]] = {
    "the number given to another": ({"started": 1}, True),
    "the machine was started again": ({"boot": "00000000-0000-0000-0000-000000000000"}, True),
    "another machine": ({"host": "elsewhere", "started": 1, "boot": ""}, False),
    "another pid namespace": ({"namespace": 1, "started": 1}, False),
}


@pytest.mark.parametrize(("change", "dead"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_only_what_this_machine_can_see_is_found_dead(change: dict[str, object], dead: bool) -> None:
    process = current_process()
    assert process is not None
    assert is_dead(msgspec.structs.replace(process, **change)) is dead
    assert not is_dead(None)


def test_a_thread_descends_from_its_process_and_from_all_that_started_that() -> None:
    own = read_stat(os.getpid())
    parent = read_stat(os.getppid())
    assert own is not None
    assert parent is not None
    assert own.parent == os.getppid()
    chains: list[list[tuple[int, int]]] = []
    thread = threading.Thread(target=lambda: chains.append(ancestors(threading.get_native_id())))
    thread.start()
    thread.join()
    assert chains[0][:2] == [(os.getpid(), own.start), (os.getppid(), parent.start)]


def test_a_process_whose_name_looks_like_fields_is_read_all_the_same() -> None:
    name = ") Z 1 (x"
    code = f"open('/proc/self/comm', 'w').write({name!r}); print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    stat = read_stat(child.pid)
    assert stat is not None
    assert (stat.ended, stat.parent) == (False, os.getpid())
    child.communicate(b"\n")
    assert read_stat(child.pid) is None


def test_the_environment_is_that_with_which_a_program_was_started() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        env={"RUNNING": "no", "RUN": "a=b"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    assert environment_variable(child.pid, "RUN") == "a=b"
    assert environment_variable(child.pid, "OTHER") is None
    child.communicate(b"\n")
    assert environment_variable(child.pid, "RUN") is None


def test_the_environment_of_a_program_that_is_just_being_started_is_waited_for() -> None:
    """`posix_spawn` returns while execve(2) goes on: the old memory is gone, and the new environment not yet there."""
    began_empty = 0
    for _ in range(300):
        pid = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {"RUN": "a=b"})
        try:
            began_empty += not Path(f"/proc/{pid}/environ").read_bytes()
            assert environment_variable(pid, "RUN") == "a=b"
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert began_empty


def test_an_empty_environment_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    line = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(line, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        monkeypatch.setattr("artfs.procfs.time.sleep", waits.append)
        assert environment_variable(child.pid, "RUN") is None
        child.communicate(b"\n")
    assert waits == []
