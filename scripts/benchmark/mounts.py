"""The same data served by each file system, freshly mounted and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from artfs import init
from benchmark.dataset import DataSet
from benchmark.errors import BenchError
from benchmark.machine import mounts
from benchmark.memory import Group
from benchmark.programs import Programs

_NULL = Path(__file__).with_name("nullread.py")
_PATIENCE_SECONDS = 60  # with a mount or an unmount


@dataclass(frozen=True, slots=True)
class View:
    """Where a client finds the data: its own directory, the same by way of `latest`, and the table."""

    data: Path
    latest: Path
    table: Path


Serving = Callable[[Group | None], AbstractContextManager[View]]


def native(data: DataSet) -> Serving:
    """Serve the data set where it lies."""

    @contextlib.contextmanager
    def serve(_group: Group | None) -> Iterator[View]:
        yield View(data.data, data.data, data.table / "table.csv")

    return serve


def squashfuse(programs: Programs, image: Path, point: Path) -> Serving:
    """Serve an image of the data set with squashfuse; of its two programs the one that lets the kernel keep pages."""

    @contextlib.contextmanager
    def serve(group: Group | None) -> Iterator[View]:
        with mounted(programs, ["squashfuse_ll", image, point], point, group=group):
            yield View(point / "data", point / "data", point / "table" / "table.csv")

    return serve


def artfs(programs: Programs, command: list[str], store: Path, point: Path, workers: int | None) -> Serving:
    """Serve the artifacts `data` and `table` of a store; `workers` None leaves their number to artfs."""

    @contextlib.contextmanager
    def serve(group: Group | None) -> Iterator[View]:
        with artfs_mounted(programs, command, store, point, workers, group):
            yield View(point / "data" / "v0", point / "data" / "latest", point / "table" / "v0" / "table.csv")

    return serve


def null(programs: Programs, root: Path, point: Path, workers: int | None) -> Serving:
    """Serve a data set's names, and zeros for its bytes."""

    @contextlib.contextmanager
    def serve(_group: Group | None) -> Iterator[View]:
        number = [] if workers is None else ["--workers", str(workers)]
        with served(programs, [sys.executable, _NULL, root, point, *number], point):
            yield View(point / "data", point / "latest", point / "table" / "table.csv")

    return serve


def in_run(serving: Serving, store: Path) -> Serving:
    """Serve to the processes of a run: what they open is noted."""

    @contextlib.contextmanager
    def serve(group: Group | None) -> Iterator[View]:
        with serving(group) as view, init(store=store):
            yield view

    return serve


def artfs_mounted(
    programs: Programs,
    command: list[str],
    store: Path,
    point: Path,
    workers: int | None,
    group: Group | None = None,
    drafts: Path | None = None,
) -> AbstractContextManager[None]:
    """Mount a store with artfs, and its drafts if there is a place for them."""
    number = [] if workers is None else ["--workers", str(workers)]
    staging: list[str | Path] = [] if drafts is None else ["--staging", drafts]
    points = [point] if drafts is None else [point, drafts]
    start: list[str | Path] = [*command, "--store", store]
    mount = [*start, "mount", point, *staging, *number]
    return mounted(programs, mount, point, [*start, "umount", *points], group, points)


@contextlib.contextmanager
def mounted(
    programs: Programs,
    mount: list[str | Path],
    point: Path,
    unmount: list[str | Path] | None = None,
    group: Group | None = None,
    points: Sequence[Path] = (),
) -> Iterator[None]:
    """Mount, wait until it answers, and unmount whatever happens; its daemon has ended when this returns.

    Args:
        programs: Runs all of these.
        mount: What mounts; it ends when it has, and leaves a daemon behind.
        point: Where it mounts.
        unmount: What unmounts again.
        group: The cgroup that the daemon is to live in.
        points: All of its mount points, if there are more.
    """
    points = points or [point]
    for each in points:
        each.mkdir(exist_ok=True)
    try:
        programs.run(mount, group, patience=_PATIENCE_SECONDS)
        end = time.monotonic() + _PATIENCE_SECONDS
        while not os.path.ismount(point):
            if time.monotonic() > end:
                raise BenchError(f"{mount[0]} mounted nothing at {point}")
            time.sleep(0.002)
        yield
    except BaseException:
        for each in points:
            detach(each)
        programs.end_all()
        raise
    try:
        programs.run(unmount or ["fusermount3", "-u", point], patience=_PATIENCE_SECONDS)
        if not programs.wait_until_ended(_PATIENCE_SECONDS):
            raise BenchError(f"{mount[0]} unmounted {point} but was still running {_PATIENCE_SECONDS} s later")
    finally:
        for each in points:
            detach(each)
        programs.end_all()


@contextlib.contextmanager
def served(programs: Programs, server: list[str | Path], point: Path) -> Iterator[None]:
    """Run a program that serves a mount in the foreground, and unmount it; it has ended when this returns."""
    point.mkdir(exist_ok=True)
    running = programs.start(server)
    try:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not os.path.ismount(point):
            if running.poll() is not None or time.monotonic() > end:
                raise BenchError(f"`{' '.join(map(str, server))}` mounted nothing")
            time.sleep(0.002)
        yield
        programs.run(["fusermount3", "-u", point], patience=_PATIENCE_SECONDS)
        if not programs.wait_until_ended(_PATIENCE_SECONDS):
            raise BenchError(f"`{' '.join(map(str, server))}` was still running {_PATIENCE_SECONDS} s later")
    finally:
        detach(point)
        programs.end_all()
        running.wait()


def detach(below: Path) -> None:
    """Take away, lazily, every mount at or below a path that is still there."""
    for point, _ in reversed(mounts()):
        if point == below or below in point.parents:
            subprocess.run(["fusermount3", "-uz", point], check=False, capture_output=True)
            if os.geteuid() == 0:
                subprocess.run(["umount", "-l", point], check=False, capture_output=True)
