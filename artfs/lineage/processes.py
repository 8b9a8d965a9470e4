"""Processes of this machine: which one a number means, whose child it is, what environment it was started with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["RUN_VARIABLE", "Seen", "parents", "run_in_environment", "seen"]

RUN_VARIABLE: Final = "ARTFS_RUN_ID"
"""Names the run in the environment of its processes."""

_ASSIGNMENT: Final = RUN_VARIABLE.encode() + b"="


@dataclass(frozen=True, slots=True)
class Seen:
    """What `/proc` says of a process or thread.

    Attributes:
        start: When it was started, in clock ticks since the boot.
        stack: Where its stack begins, which another program that it executes changes; 0 if we may not know.
        parent: The process that it is a child of.
    """

    start: int
    stack: int
    parent: int


def seen(tid: int) -> Seen | None:
    """Look at a process or thread; None if there is none of that number."""
    data = _read(f"/proc/{tid}/stat")
    # The name stands in parentheses and may hold anything; the fields after it are counted from 3 in proc(5).
    fields = data.rpartition(b")")[2].split()
    if len(fields) < 26:
        return None
    return Seen(int(fields[19]), int(fields[25]), int(fields[1]))


def parents(tid: int) -> list[tuple[int, int]]:
    """A thread's process and all that it descends from, each with its start, the nearest first."""
    chain: list[tuple[int, int]] = []
    pid = _process_of(tid)
    while pid and (found := seen(pid)) is not None:
        chain.append((pid, found.start))
        pid = found.parent
    return chain


def _process_of(tid: int) -> int:
    for line in _read(f"/proc/{tid}/status").splitlines():
        if line.startswith(b"Tgid:"):
            return int(line[5:])
    return 0


def run_in_environment(tid: int) -> str | None:
    """What `ARTFS_RUN_ID` was when the program of a process was started; None if unset, or not for us to know."""
    for assignment in _read(f"/proc/{tid}/environ").split(b"\0"):
        if assignment.startswith(_ASSIGNMENT):
            return assignment[len(_ASSIGNMENT) :].decode("ascii", "replace")
    return None


def _read(path: str) -> bytes:
    """Read a file of `/proc`; nothing if the process has ended or is another user's."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall() or b""
    except OSError:
        return b""
