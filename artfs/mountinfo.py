"""The kernel's mount table: the artfs mounts that this process can see, types of file systems."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

__all__ = ["STAGING_TYPE", "TYPE", "MountInfo", "file_system_type", "find_mount", "lock_path", "mounts", "mounts_of"]

TYPE: Final = "fuse.artfs"
"""The file system type that the mount table shows."""

STAGING_TYPE: Final = "fuse.artfs-staging"
"""The same of a staging mount."""

_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class MountInfo:
    """One mount.

    Attributes:
        store: Its store.
        mountpoint: The directory that it is mounted on.
        device: The kernel's number for it, as in `0:57`.
        staging: It shows drafts, which can be written; else versions.
        root: The directory of its file tree that is mounted there: another than `/` in a bind mount of a part of it.
    """

    store: Path
    mountpoint: Path
    device: str
    staging: bool = False
    root: Path = Path("/")

    @property
    def log(self) -> Path:
        """The log file of its daemon."""
        return self.store / "logs" / f"mount-{self.device.replace(':', '-')}.log"

    @property
    def declared(self) -> bool:
        """True if its daemon has said that it serves it, which it does not where the store cannot be written."""
        return lock_path(self).exists()

    @property
    def pid(self) -> int | None:
        """Its daemon's process id; None if the daemon is gone, or is another user's."""
        return _lock_owner(lock_path(self))


def lock_path(mount: MountInfo) -> Path:
    """Return the file that a mount's daemon locks, with its process id in it.

    The lock (lockf) is the daemon's alone, not its workers'.
    """
    return mount.log.with_suffix(".pid")


def _lock_owner(path: Path) -> int | None:
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
    """List all artfs mounts in the order of the kernel's table, accessing none: it might hang."""
    return [
        MountInfo(_path(source), _path(fields[4]), fields[2].decode(), kind == STAGING_TYPE, _path(fields[3]))
        for fields, kind, source in _table()
        if kind in {TYPE, STAGING_TYPE}
    ]


def mounts_of(store: Path) -> list[MountInfo]:
    """List the mounts of a store without touching them; those without a daemon (`pid` is None) last.

    A mount that is served is recognised by the file in the store that its daemon locks: the mount table has a path,
    and the store may be reached by another one (a bind mount, a container), or another store be at that path. One of a
    store that cannot be written has no such file: that is recognised by the store's directory.

    Args:
        store: The store's directory.
    """
    real = Path(os.path.realpath(store))
    found = [(mount.store, replace(mount, store=real)) for mount in mounts()]
    own = [here for listed, here in found if here.pid is not None or _is_same(listed, real)]
    return sorted(own, key=lambda mount: (mount.pid is None, mount.mountpoint))


def _is_same(listed: Path, real: Path) -> bool:
    if Path(os.path.realpath(listed)) == real:
        return True
    try:
        return os.path.samefile(listed, real)
    except OSError:
        return False


def find_mount(mountpoint: str) -> MountInfo | None:
    """Return the artfs mount on a directory: the topmost, where there are several."""
    found = [mount for mount in mounts() if os.fspath(mount.mountpoint) == mountpoint]
    return found[-1] if found else None


def file_system_type(path: Path) -> str:
    """Return the type of a directory's file system; empty if the table does not have it."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}".encode()
    return next((kind for fields, kind, _source in _table() if fields[2] == wanted), "")


def _table() -> Iterator[tuple[list[bytes], str, bytes]]:
    """Parse proc(5)'s mountinfo: of each mount the fields before the dash, type and source."""
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            before, _dash, after = line.rstrip(b"\n").partition(b" - ")
            kind, source, *_options = after.split(b" ")
            yield before.split(b" "), kind.decode(errors="replace"), source


def _path(field: bytes) -> Path:
    return Path(os.fsdecode(_ESCAPED.sub(lambda match: bytes([int(match[1], 8)]), field)))
