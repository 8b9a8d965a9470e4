"""The machine under measurement: its caches, its file systems, and what a reader of the figures must know of it."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from benchmark.errors import BenchError, SkippedError

_DROP_CACHES = Path("/proc/sys/vm/drop_caches")
_LIBC = ctypes.CDLL(None, use_errno=True)


def why_not_cold() -> str | None:
    """Return why caches cannot be emptied here, or None."""
    return None if os.access(_DROP_CACHES, os.W_OK) else "cold caches need root (/proc/sys/vm/drop_caches)"


def drop_caches() -> None:
    """Write everything back, then empty the kernel's caches of pages, names and inodes, also those of FUSE mounts."""
    if reason := why_not_cold():
        raise SkippedError(reason)
    os.sync()
    _DROP_CACHES.write_text("3\n")


def write_back(path: Path) -> None:
    """Return when all that was written to the file system that holds `path` is on its disk, as `sync -f` does.

    Of a FUSE mount the kernel hands its process what it still holds: nothing tells that process to sync.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        if _LIBC.syncfs(file):
            raise BenchError(f"syncfs of {path}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(file)


def mounts() -> list[tuple[Path, str]]:
    """Return (mount point, file system type) of everything mounted, in order of mounting."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        point = fields[4].encode().decode("unicode_escape")
        found.append((Path(point), fields[fields.index("-") + 1]))
    return found


def file_system(path: Path) -> str:
    """Return the type of the file system that holds `path`, such as `ext4`."""
    kinds = dict(mounts())  # of two mounts on one point, the later hides the earlier
    resolved = path.resolve()
    return next(kinds[parent] for parent in [resolved, *resolved.parents] if parent in kinds)


def facts(work: Path, artfs: list[str]) -> dict[str, str]:
    """Describe the machine and the programs compared, for the head of the report."""
    processor = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = int(_lines("/proc/meminfo")[0].split()[1]) / 1e6
    return {
        "machine": f"{os.cpu_count()} x {processor}, {memory:.0f} GB, Linux {platform.release()}",
        "file system": f"{file_system(work)} ({work})",
        "load": f"{os.getloadavg()[0]:.1f} before the start",
        "python": platform.python_version(),
        "artfs": _version([*artfs, "--version"]),
        "squashfuse": _version(["squashfuse_ll", "-V"]),
        "borg": _version(["borg", "--version"]),
        "restic": _version(["restic", "version"]),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _version(command: list[str]) -> str:
    """Return the first line with a number in it that a program prints of itself."""
    if shutil.which(command[0]) is None:
        return "not installed"
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    said = (answer.stdout + answer.stderr).splitlines()  # squashfuse: on stderr, with exit status 254
    return next((line for line in said if re.search(r"\d\.\d", line)), "unknown")
