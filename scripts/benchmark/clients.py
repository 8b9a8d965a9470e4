"""The clients: forked processes that do nothing but system calls, the same ones whatever is measured.

They start together at a barrier; what counts is the time from there to the end of the last. Buffers are made before the
barrier, so a read copies into memory that is there. Each client counts what it got: too little is an error, no speed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import select
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from benchmark.errors import BenchError
from benchmark.memory import Group

_PATIENCE_SECONDS = 1200
_SEED = 20240229

_Item = TypeVar("_Item")

Job = Callable[[], int]


def shuffled(items: Sequence[_Item]) -> list[_Item]:
    """Return the items in a random order that is the same every time."""
    order = list(items)
    random.Random(_SEED).shuffle(order)
    return order


def reading_files(root: Path, names: Sequence[str], passes: int = 1) -> Job:
    """Open, read and close each file, walking every path from the root again; count bytes."""
    paths = [os.fsencode(root / name) for name in names] * passes
    buffers = [bytearray(1 << 18)]

    def job() -> int:
        size = 0
        for path in paths:
            file = os.open(path, os.O_RDONLY)
            size += os.readv(file, buffers)
            os.close(file)
        return size

    return job


def reading_through(path: Path) -> Job:
    """Read one file from its beginning to its end, 1 MiB a call; count bytes."""
    buffers = [bytearray(1 << 20)]

    def job() -> int:
        file = os.open(path, os.O_RDONLY)
        size = 0
        while got := os.readv(file, buffers):
            size += got
        os.close(file)
        return size

    return job


def reading_at_random(path: Path, file_size: int, reads: int, seed: int) -> Job:
    """Read blocks of 4 KiB at random places of one file; count bytes."""
    places = random.Random(_SEED + seed)
    offsets = [places.randrange(file_size // 4096) * 4096 for _ in range(reads)]
    buffers = [bytearray(4096)]

    def job() -> int:
        file = os.open(path, os.O_RDONLY)
        size = sum(os.preadv(file, buffers, offset) for offset in offsets)
        os.close(file)
        return size

    return job


def walking(root: Path, passes: int = 1) -> Job:
    """List every directory and lstat every entry, as `find -printf` does; count entries."""

    def job() -> int:
        entries = 0
        for _ in range(passes):
            waiting = [os.fsencode(root)]
            while waiting:
                with os.scandir(waiting.pop()) as listing:
                    for entry in listing:
                        entries += 1
                        entry.stat(follow_symlinks=False)
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        return entries

    return job


def run_together(jobs: Sequence[Job], expected: int, group: Group | None = None) -> float:
    """Run every job in a process of its own.

    Args:
        jobs: What each does; made beforehand, inherited by the fork.
        expected: What their counts must sum up to.
        group: The memory cgroup that they join before they begin.

    Returns:
        Seconds from the common start to the end of the last.

    Raises:
        BenchError: One failed, hung, or got too little.
    """
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page that it inherited
    gate, opener = os.pipe()
    clients: dict[int, int] = {}  # result pipe -> process
    try:
        with os.fdopen(opener, "wb"):  # closed at the end of this block: that opens the gate
            for job in jobs:
                result, sink = os.pipe()
                process = os.fork()
                if process == 0:
                    os.close(opener)
                    _client(job, gate, sink, group)
                os.close(sink)
                clients[result] = process
            for answer in _answers(clients):
                if answer != ".":
                    raise BenchError(answer or "a client was killed before it began (out of memory?)")
            start = time.monotonic()
        ends, counted = [], 0
        for answer in _answers(clients):
            outcome, _, rest = answer.partition(" ")
            if outcome != "done":
                raise BenchError(answer or "a client was killed (out of memory?)")
            end, _, count = rest.partition(" ")
            ends.append(float(end))
            counted += int(count)
        if counted != expected:
            raise BenchError(f"the clients got {counted:,} of {expected:,}")
        return max(ends) - start
    finally:
        os.close(gate)
        _end(clients)


def _client(job: Job, gate: int, sink: int, group: Group | None) -> NoReturn:
    try:
        gc.disable()
        if group is not None:
            group.join()
        os.write(sink, b".")
        os.read(gate, 1)  # returns when the parent closes the other end
        count = job()
        os.write(sink, f"done {time.monotonic()!r} {count}".encode())
    except BaseException as error:  # noqa: BLE001  # the parent raises it: a child must never run the parent's clean-up
        os.write(sink, f"failed {error!r}".encode())
    finally:
        os._exit(0)


def _answers(clients: dict[int, int]) -> list[str]:
    """Read one answer from each pipe: a client that died gives an empty one."""
    answers: dict[int, str] = {}
    end = time.monotonic() + _PATIENCE_SECONDS
    while waiting := [pipe for pipe in clients if pipe not in answers]:
        ready, _, _ = select.select(waiting, [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise BenchError(f"a client hung for {_PATIENCE_SECONDS} s")
        for pipe in ready:
            answers[pipe] = os.read(pipe, 4096).decode(errors="replace")
    return list(answers.values())


def _end(clients: dict[int, int]) -> None:
    for pipe, process in clients.items():
        os.close(pipe)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        # One that hangs in a FUSE request ends only with the daemon: do not wait for it here.
        for _ in range(50):
            if os.waitpid(process, os.WNOHANG)[0]:
                break
            time.sleep(0.01)
