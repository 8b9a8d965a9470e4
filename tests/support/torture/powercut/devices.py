"""File systems on loop devices. For a process of root's in a mount namespace of its own: it takes its mounts along."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["FILE_SYSTEMS", "make_file_system", "mounted", "umount"]

FILE_SYSTEMS = {"ext4": 96 << 20, "xfs": 300 << 20}
"""By name, the size of the disk that they get: an XFS is not made smaller than 300 MiB."""

_MAKE = {"ext4": ["mkfs.ext4", "-q", "-b", "4096", "-E", "nodiscard"], "xfs": ["mkfs.xfs", "-q", "-K"]}
_LOOP_MAJOR = 7


def make_file_system(kind: str, image: Path) -> None:
    """Make an empty file system in a new, sparse file."""
    with image.open("xb") as file:
        file.truncate(FILE_SYSTEMS[kind])
    _run(*_MAKE[kind], image)
    _run("fallocate", "--dig-holes", image)


@contextmanager
def mounted(kind: str, disk: Path, directory: Path, options: str = "") -> Iterator[Path]:
    """Mount a file over a loop device, which goes when it is unmounted.

    Raises:
        OSError: The file system is damaged.
    """
    directory.mkdir(exist_ok=True)
    _make_loop_node()
    _run("mount", "-t", kind, "-o", ",".join(["loop", "noatime", *filter(None, [options])]), disk, directory)
    try:
        yield directory
    finally:
        umount(directory)


def umount(directory: Path, *, lazily: bool = False) -> None:
    """Unmount, as soon as nobody is at it: a loop device lets go of its file a moment after its own unmount.

    Args:
        directory: Where it is mounted.
        lazily: At once, and the kernel waits for who is at it.
    """
    end = time.monotonic() + 20
    while True:
        try:
            _run("umount", *(["--lazy"] if lazily else []), directory)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _make_loop_node() -> None:
    """Make the node of the next free loop device, which a machine whose /dev is a plain directory lacks."""
    free = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False).stdout.strip()
    if free and not os.path.exists(free):
        number = int(free.removeprefix("/dev/loop"))
        os.mknod(free, 0o600 | stat.S_IFBLK, os.makedev(_LOOP_MAJOR, number))


def _run(*command: str | Path) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise OSError(f"{command[0]}: {ended.stderr.strip()}")
