"""Rows about a version with a million files in one directory, made and changed through the store's own API."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmark import mounts
from benchmark.clients import reading_files, run_together, shuffled, walking
from benchmark.errors import BenchError
from benchmark.rows import Comparison, Row
from benchmark.workshop import Workshop

_CROWD = Path(__file__).with_name("crowd.py")
_READERS = 4
_READS = 20_000


def rows(shop: Workshop) -> list[Row]:
    """Return the rows about the million."""
    count = f"{shop.settings.sizes.crowd:,}"
    limits: list[tuple[str, str, str, Callable[[Workshop], float], float]] = [
        ("million-mount", f"mount a version of {count} files until one of them is read", "s", _mount, 1.0),
        (
            "million-memory",
            "anonymous memory of the largest worker, after listing all and reading some",
            "MB",
            _memory,
            80,
        ),
        ("million-add", f"add one file to a flat directory of {count}, durably", "s", partial(_add, "seconds"), 1.0),
        ("million-bytes", "what that writes", "kB", partial(_add, "bytes"), 1000),
        ("million-diff", "`artfs diff` of the two", "s", _diff, 1.0),
    ]
    return [
        Row(name, title, unit, {"artfs": partial(measure, shop)}, (Comparison(below=limit),))
        for name, title, unit, measure, limit in limits
    ]


def _names(shop: Workshop) -> list[str]:
    return [f"file_{number:07d}.txt" for number in range(shop.settings.sizes.crowd)]


def _mount(shop: Workshop) -> float:
    store = shop.crowd
    start = time.monotonic()
    with mounts.artfs_mounted(shop.programs, shop.settings.artfs, store, shop.point, shop.settings.workers):
        (shop.point / "crowd" / "v1" / _names(shop)[-1]).read_bytes()
        return time.monotonic() - start


def _memory(shop: Workshop) -> float:
    names = shuffled(_names(shop))[:_READS]
    store = shop.crowd
    with mounts.artfs_mounted(shop.programs, shop.settings.artfs, store, shop.point, shop.settings.workers):
        version = shop.point / "crowd" / "v1"
        run_together([walking(version)], shop.settings.sizes.crowd)
        jobs = [reading_files(version, names[reader::_READERS]) for reader in range(_READERS)]
        run_together(jobs, 1025 * len(names))
        workers = shop.programs.running()
        if not workers:
            raise BenchError("no process serves the mount")
        return max(map(_anonymous, workers)) / 1e6


def _anonymous(process: int) -> int:
    """Return the bytes of anonymous memory that a process maps, those still shared after its fork included."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise BenchError("this kernel's smaps_rollup does not tell anonymous memory")


def _add(what: str, shop: Workshop) -> float:
    figures = json.loads(shop.programs.run([sys.executable, _CROWD, "add", shop.crowd]))
    return float(figures[what]) / (1000 if what == "bytes" else 1)


def _diff(shop: Workshop) -> float:
    store = shop.crowd
    start = time.monotonic()
    shop.artfs(store, "diff", "crowd:v1", "crowd:v2")
    return time.monotonic() - start
