"""`artfs run` in a process that has other threads, which get signals too."""

from __future__ import annotations

import os
import threading

import pytest

from artfs import procfs
from artfs.format.runs import Process
from tests.support.commands import Commands


def test_the_end_of_a_command_is_seen_though_another_thread_got_its_signal(
    artfs: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that has ended before it is waited for: the kernel gives SIGCHLD to a thread that does not block it."""
    ended: list[int] = []
    identity = procfs.process_identity

    def after_its_end(pid: int) -> Process | None:
        if pid != os.getpid():
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            ended.append(pid)
        return identity(pid)

    monkeypatch.setattr(procfs, "process_identity", after_its_end)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        ran = artfs("run", "--", "true")
    finally:
        done.set()
        thread.join()
    assert (ran.code, len(ended)) == (0, 1), ran
