"""A memory cgroup (version 1 or 2) around a daemon and its clients, page cache included."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import SkippedError

# Less than this does not hold the Python processes of both sides, whatever the size of the data.
SMALLEST_LIMIT = 192 << 20

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Group:
    """One cgroup; a process belongs to it once its id was written to `members`."""

    path: Path

    @property
    def members(self) -> Path:
        """Return the file that takes the ids of processes that join."""
        return self.path / "cgroup.procs"

    def join(self) -> None:
        """Move the calling process in."""
        self.members.write_text(str(os.getpid()))


def why_not() -> str | None:
    """Return why memory cannot be limited here, or None."""
    if os.geteuid() != 0:
        return "a memory cgroup needs root"
    return None if _hierarchy() else "no memory cgroup controller is mounted"


@contextlib.contextmanager
def limited(size: int) -> Iterator[Group]:
    """Make a cgroup that may hold `size` bytes of memory and no swap, and remove it once it is empty."""
    hierarchy = _hierarchy()
    if reason := why_not():
        raise SkippedError(reason)
    assert hierarchy is not None
    root, version = hierarchy
    group = Group(root / f"artfs-bench-{os.getpid()}-{next(_numbers)}")
    try:
        if version == 2:
            (root / "cgroup.subtree_control").write_text("+memory")
        group.path.mkdir()
    except OSError as error:
        raise SkippedError(f"cannot make a memory cgroup: {error}") from error
    try:
        if version == 1:
            (group.path / "memory.limit_in_bytes").write_text(str(size))
        else:
            (group.path / "memory.max").write_text(str(size))
            with contextlib.suppress(OSError):  # a kernel without swap accounting has no such file
                (group.path / "memory.swap.max").write_text("0")
        yield group
    finally:
        _remove(group.path)


def _hierarchy() -> tuple[Path, int] | None:
    """Return where the memory controller is mounted, and which version of cgroups it is."""
    unified = None
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
        if kind == "cgroup" and "memory" in options:
            return Path(fields[4]), 1
        if kind == "cgroup2":
            unified = Path(fields[4])
    if unified and "memory" in (unified / "cgroup.controllers").read_text().split():
        return unified, 2
    return None


def _remove(path: Path) -> None:
    """Remove an empty cgroup: its last processes may take a moment to be gone."""
    for _ in range(100):
        try:
            path.rmdir()
        except OSError:
            time.sleep(0.05)
        else:
            return
