"""The artfs mounts that this process can see, from the kernel's mount table."""

from __future__ import annotations

import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["STAGING_TYPE", "TYPE", "MountInfo", "find_mount", "lock_path", "mounts"]

TYPE: Final = "fuse.artfs"
"""The file system type that the mount table shows."""

STAGING_TYPE: Final = "fuse.artfs-staging"
"""The same of a mount where drafts are written."""

_TABLE: Final = "/proc/self/mountinfo"
_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class MountInfo:
    """One mount.

    Attributes:
        store: The store that it shows.
        mountpoint: Where.
        device: The kernel's number for it, as in `0:57`.
        staging: Drafts are written there; otherwise it shows versions.
    """

    store: Path
    mountpoint: Path
    device: str
    staging: bool = False

    @property
    def log(self) -> Path:
        """Where its daemon logs."""
        return self.store / "logs" / f"mount-{self.device.replace(':', '-')}.log"

    @property
    def pid(self) -> int | None:
        """Its daemon's process id; None if the daemon is gone, or is another user's."""
        return _holder(lock_path(self))


def lock_path(mount: MountInfo) -> Path:
    """The file that a mount's daemon holds locked (lockf: it alone, not its workers), with its process id in it."""
    return mount.log.with_suffix(".pid")


def _holder(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        text = os.read(descriptor, 32).strip()
        return int(text) if text.isdigit() else None
    else:
        return None
    finally:
        os.close(descriptor)


def mounts() -> list[MountInfo]:
    """All artfs mounts, in the order of the kernel's table. None of them is touched, so none can make this hang."""
    with open(_TABLE, "rb") as file:
        found = [_parse(line) for line in file]
    return [mount for mount in found if mount is not None]


def find_mount(mountpoint: str) -> MountInfo | None:
    """The artfs mount on a directory: the topmost, where there are several."""
    found = [mount for mount in mounts() if os.fspath(mount.mountpoint) == mountpoint]
    return found[-1] if found else None


def _parse(line: bytes) -> MountInfo | None:
    """Parse a line of proc(5)'s mountinfo; None if it is not of an artfs mount."""
    before, _, after = line.rstrip(b"\n").partition(b" - ")
    fields, (kind, source, *_options) = before.split(b" "), after.split(b" ")
    if kind not in (TYPE.encode(), STAGING_TYPE.encode()):
        return None
    return MountInfo(_path(source), _path(fields[4]), fields[2].decode(), kind == STAGING_TYPE.encode())


def _path(field: bytes) -> Path:
    return Path(os.fsdecode(_ESCAPED.sub(lambda match: bytes([int(match[1], 8)]), field)))
