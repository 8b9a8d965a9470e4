"""Whether the process of a run still lives, as far as this process can see."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.format.runs import Process

if TYPE_CHECKING:
    from artfs.catalog.schema import Run, RunState

__all__ = ["current_process", "has_died", "process_of", "state_now"]

_STARTED = 19
"""Place of the start time among the fields of /proc/PID/stat that follow the command's name (proc(5), field 22)."""


def current_process() -> Process | None:
    """Return this process; None where /proc does not tell."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process | None:
    """Return a process, so that it can be told from every other; None when it has ended, or /proc does not tell."""
    started = _started(pid)
    boot, namespace = _boot(), _namespace()
    if started is None or not boot or not namespace:
        return None
    return Process(os.uname().nodename, pid, started, boot, namespace)


def has_died(process: Process | None) -> bool:
    """Whether a process is known to have ended: one of another machine, or of another pid namespace, is not."""
    if process is None or process.host != os.uname().nodename or not (boot := _boot()):
        return False
    if process.boot != boot:
        return True
    return process.namespace == _namespace() and _started(process.pid) != process.started


def state_now(run: Run) -> RunState:
    """Return a run's state: crashed, when it is not said to have ended and its process has died."""
    return "crashed" if run.state == "running" and has_died(run.process) else run.state


def _started(pid: int) -> int | None:
    """When a process began; None when there is none, or nothing but its exit status is left of it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    state, *fields = stat[stat.rindex(b")") + 2 :].split()
    return None if state in b"ZX" else int(fields[_STARTED - 1])


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> int:
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0
