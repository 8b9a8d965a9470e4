"""The same data served by each file system, freshly mounted and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmark.dataset import DataSet
from benchmark.errors import BenchError
from benchmark.machine import mounts
from benchmark.memory import Group
from benchmark.programs import Programs

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


def artfs_mounted(
    programs: Programs, command: list[str], store: Path, point: Path, workers: int | None, group: Group | None = None
) -> AbstractContextManager[None]:
    """Mount a store with artfs."""
    number = [] if workers is None else ["--workers", str(workers)]
    start: list[str | Path] = [*command, "--store", store]
    return mounted(programs, [*start, "mount", point, *number], point, [*start, "umount", point], group)


@contextlib.contextmanager
def mounted(
    programs: Programs,
    mount: list[str | Path],
    point: Path,
    unmount: list[str | Path] | None = None,
    group: Group | None = None,
) -> Iterator[None]:
    """Mount, wait until it answers, and unmount whatever happens; its daemon has ended when this returns."""
    point.mkdir(exist_ok=True)
    try:
        programs.run(mount, group, patience=_PATIENCE_SECONDS)
        end = time.monotonic() + _PATIENCE_SECONDS
        while not os.path.ismount(point):
            if time.monotonic() > end:
                raise BenchError(f"{mount[0]} mounted nothing at {point}")
            time.sleep(0.002)
        yield
    except BaseException:
        detach(point)
        programs.end_all()
        raise
    try:
        programs.run(unmount or ["fusermount3", "-u", point], patience=_PATIENCE_SECONDS)
        if not programs.wait_until_ended(_PATIENCE_SECONDS):
            raise BenchError(f"{mount[0]} unmounted {point} but was still running {_PATIENCE_SECONDS} s later")
    finally:
        detach(point)
        programs.end_all()


def detach(below: Path) -> None:
    """Take away, lazily, every mount at or below a path that is still there."""
    for point, _ in reversed(mounts()):
        if point == below or below in point.parents:
            subprocess.run(["fusermount3", "-uz", point], check=False, capture_output=True)
            if os.geteuid() == 0:
                subprocess.run(["umount", "-l", point], check=False, capture_output=True)
