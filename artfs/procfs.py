"""Processes in `/proc`: identity, life, ancestors, and their environment at the start."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final, NamedTuple

from artfs.format.runs import Process

__all__ = [
    "ProcessStat",
    "ancestors",
    "boot_id",
    "current_process",
    "environment_variable",
    "is_dead",
    "process_identity",
    "read_stat",
]


_EXITING_OR_KERNEL: Final = 0x4 | 0x200000
"""Flags of a process that has no environment any more, or never has one (`PF_EXITING`, `PF_KTHREAD`)."""
_EXEC_SECONDS: Final = 1.0
"""The longest that execve(2) of another process is waited for."""


class ProcessStat(NamedTuple):
    """Fields of `/proc/PID/stat` (proc(5)).

    Attributes:
        ended: Only the exit status is left of it.
        parent: The process that it is a child of.
        start: Clock ticks from the boot to its start.
        stack: Where its stack begins, which changes when it executes another program; 0 if we may not know.
    """

    ended: bool
    parent: int
    start: int
    stack: int


def read_stat(tid: int) -> ProcessStat | None:
    """Read the state of a process or thread; None if there is none, or we may not know."""
    fields = _stat_fields(tid)
    if len(fields) < 26:
        return None
    return ProcessStat(fields[0] in b"ZX", int(fields[1]), int(fields[19]), int(fields[25]))


def current_process() -> Process | None:
    """Return the identity of this process; None where `/proc` is missing."""
    return process_identity(os.getpid())


def process_identity(pid: int) -> Process | None:
    """Return the identity of a process; None if it has ended, or `/proc` is missing."""
    started = _start(pid)
    boot, namespace = boot_id(), _namespace()
    if started is None or not boot or not namespace:
        return None
    return Process(os.uname().nodename, pid, started, boot, namespace)


def is_dead(process: Process | None) -> bool:
    """True if a process is known to be dead: never one of another machine or pid namespace."""
    if process is None or process.host != os.uname().nodename or not (boot := boot_id()):
        return False
    if process.boot != boot:
        return True
    return process.namespace == _namespace() and _start(process.pid) != process.started


def ancestors(tid: int) -> list[tuple[int, int]]:
    """Return number and start of a thread's process and of its ancestors, nearest first."""
    chain: list[tuple[int, int]] = []
    pid = _process_of(tid)
    while pid and (stat := read_stat(pid)) is not None:
        chain.append((pid, stat.start))
        pid = stat.parent
    return chain


def environment_variable(tid: int, name: str) -> str | None:
    """Return a variable of the environment that a program was started with; None if not known."""
    assignment = name.encode() + b"="
    for entry in _environment(tid).split(b"\0"):
        if entry.startswith(assignment):
            return entry[len(assignment) :].decode("ascii", "replace")
    return None


def _environment(tid: int) -> bytes:
    """Read the environment of a program, and wait for it where execve(2) has not laid it out yet."""
    deadline = time.monotonic() + _EXEC_SECONDS
    while True:
        try:
            with open(f"/proc/{tid}/environ", "rb", buffering=0) as file:
                environment = file.readall() or b""
        except OSError:
            return b""
        # Between taking the old program's memory away and laying out the new one's, a process shows no environment.
        if environment or not _should_have_environment(tid) or time.monotonic() > deadline:
            return environment
        time.sleep(0.001)


def _should_have_environment(tid: int) -> bool:
    """True if an environment that could be opened and was empty will not stay so."""
    fields = _stat_fields(tid)
    if len(fields) < 49 or fields[0] in b"ZX" or int(fields[6]) & _EXITING_OR_KERNEL:
        return False
    start, end = int(fields[47]), int(fields[48])
    return end == 0 or start != end


def _stat_fields(tid: int) -> list[bytes]:
    """Read the fields of `/proc/PID/stat` after the name, which are counted from 3 in proc(5)."""
    # The name stands in parentheses and may hold anything.
    return _read(f"/proc/{tid}/stat").rpartition(b")")[2].split()


def _start(pid: int) -> int | None:
    stat = read_stat(pid)
    return None if stat is None or stat.ended else stat.start


def _process_of(tid: int) -> int:
    for line in _read(f"/proc/{tid}/status").splitlines():
        if line.startswith(b"Tgid:"):
            return int(line[5:])
    return 0


def boot_id() -> str:
    """Identifier of this boot of the machine; empty if the system does not say."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def _namespace() -> int:
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _read(path: str) -> bytes:
    """Read a file of `/proc`; nothing if the process has ended or is another user's."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall() or b""
    except OSError:
        return b""
