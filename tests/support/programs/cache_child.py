"""Processes that share a cache, forked from one that has no threads: the test beside it says which.

cache_child hammer     many fill and read a cache that is too small, and some are killed
cache_child orphan     one is killed in the middle of filling, and another must get the chunk
cache_child herd       all want the same chunk at once
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from artfs.chunks.chunk_cache import SharedChunkCache
from artfs.format.digest import digest_and_table

SLOT = 128 << 10
CHUNKS = [random.Random(seed).randbytes(1000 + seed * 9973 % SLOT) for seed in range(24)]
NAMES = [digest_and_table(chunk) for chunk in CHUNKS]


def small_cache(sets: int) -> SharedChunkCache:
    return SharedChunkCache(sets * 4 * (SLOT + (8 << 10)), slot_size=SLOT)


def forked(work: Callable[[], object]) -> int:
    """Run `work` in a child, which exits with 0 if it returned."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    finally:  # a child must not return into what its parent goes on with, whatever happened
        if code:
            traceback.print_exc()
        os._exit(code)


def wait_until_blocked(pid: int) -> bool:
    """Wait until the kernel lists a lock that the process waits for."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if any("->" in line and f" {pid} " in line for line in Path("/proc/locks").read_text().splitlines()):
            return True
    return False


def status_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def hammer() -> dict[str, int]:
    cache = small_cache(sets=2)
    fills = mmap.mmap(-1, 4096)  # one byte counts for each chunk, so that a fill is known to have happened

    def work(seed: int, mortal: bool) -> None:
        rng = random.Random(seed)
        for _ in range(600):
            number = rng.randrange(len(CHUNKS))
            chunk, (name, table) = CHUNKS[number], NAMES[number]
            start = rng.randrange(len(chunk))
            length = rng.randint(1, len(chunk) - start)

            def fill(number: int = number, chunk: bytes = chunk, table: bytes = table) -> tuple[bytes, bytes]:
                if mortal and rng.random() < 0.02:
                    os.kill(os.getpid(), signal.SIGKILL)
                fills[number] = 1
                return chunk, table

            assert cache.get_or_fill(name, len(chunk), start, length, fill) == chunk[start : start + length]

    killed = finished = 0
    pids = {forked(partial(work, seed, mortal=seed % 2 == 0)): seed for seed in range(6)}
    while pids:
        pid, status = os.wait()
        seed = pids.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, -signal.SIGKILL), f"worker {seed} read a wrong byte"
        finished += code == 0
        if code:
            killed += 1
            pids[forked(partial(work, seed + 100, mortal=killed < 20))] = seed
    return {"killed": killed, "finished": finished, "filled": sum(fills[: len(CHUNKS)])}


def orphan() -> dict[str, int]:
    cache = small_cache(sets=1)
    chunk, (name, table) = CHUNKS[5], NAMES[5]
    began, filling = os.pipe()

    def stuck() -> tuple[bytes, bytes]:
        os.write(filling, b"!")
        signal.pause()
        return chunk, table

    victim = forked(lambda: cache.get_or_fill(name, len(chunk), 0, 10, stuck))
    os.read(began, 1)
    waiting = forked(lambda: cache.get_or_fill(name, len(chunk), 0, 10, lambda: (chunk, table)))
    blocked = wait_until_blocked(waiting)
    os.kill(victim, signal.SIGKILL)
    return {"victim": status_of(victim), "blocked": int(blocked), "waiting": status_of(waiting)}


def herd() -> dict[str, int]:
    cache = small_cache(sets=1)
    chunk, (name, table) = CHUNKS[7], NAMES[7]
    gate, opened = os.pipe()
    counted, count = os.pipe()

    def fill() -> tuple[bytes, bytes]:
        os.write(count, b"!")
        return chunk, table

    def work() -> None:
        os.read(gate, 1)
        assert cache.get_or_fill(name, len(chunk), 0, len(chunk), fill) == chunk

    pids = [forked(work) for _ in range(8)]
    os.write(opened, b"!" * 8)
    statuses = [status_of(pid) for pid in pids]
    os.close(count)
    return {"failed": sum(map(abs, statuses)), "fills": len(os.read(counted, 100))}


if __name__ == "__main__":
    commands: dict[str, Callable[[], dict[str, int]]] = {"hammer": hammer, "orphan": orphan, "herd": herd}
    sys.stdout.write(json.dumps(commands[sys.argv[1]]()))
