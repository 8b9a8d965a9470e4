"""Processes that are registered for a run at the same time."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import msgspec

from artfs.format.runs import Process
from artfs.lineage.run_directories import RunDirectories
from artfs.procfs import current_process
from tests.support.mounts.mounts import wait_until


def test_a_registration_waits_for_the_one_that_is_going_on_and_follows_it(tmp_path: Path) -> None:
    """The second is made to come while the first is about to write: neither line is over the other."""
    home = RunDirectories(tmp_path)
    path = home.run("abcd1234").path / "processes"
    path.parent.mkdir()
    first = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = threading.Thread(target=home.register, args=("abcd1234", current_process()))
        second.start()
        waits = f":{path.stat().st_ino} "
        wait_until(lambda: any("->" in line and waits in line for line in Path("/proc/locks").read_text().splitlines()))
        os.write(first, b"first\n")
    finally:
        os.close(first)
    second.join()
    first_line, second_line = path.read_bytes().splitlines()
    assert first_line == b"first"
    assert msgspec.json.decode(second_line, type=Process).pid == os.getpid()
