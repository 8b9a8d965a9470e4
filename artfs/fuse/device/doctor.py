"""Checks of what a mount needs of this machine; nothing is mounted."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from artfs.fuse.device.device import DEVICE, device_trouble
from artfs.fuse.device.mountpoint import is_dead
from artfs.mountinfo import MountInfo, mounts

__all__ = ["Check", "check_fuse", "check_mounts"]

_RESENDING_KERNEL: Final = (6, 9)
_CONFIGURATION: Final = Path("/etc/fuse.conf")


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        what: Its name.
        state: `warning` where something could be better, `problem` where it keeps artfs from working.
        found: Its finding.
        advice: The remedy; empty where nothing is to be done.
    """

    what: str
    state: Literal["ok", "warning", "problem"]
    found: str
    advice: str = ""


def check_fuse() -> Iterator[Check]:
    """Check the FUSE device, the program that mounts for users, and the kernel."""
    trouble = device_trouble()
    if trouble is None:
        yield Check("fuse device", "ok", f"{DEVICE} can be used")
    else:
        found, _colon, advice = trouble.partition(": ")
        yield Check("fuse device", "problem", found, advice)
    yield _check_helper()
    yield _check_other_users()
    release = os.uname().release
    version = re.match(r"(\d+)\.(\d+)", release)
    if version is not None and (int(version[1]), int(version[2])) < _RESENDING_KERNEL:
        advice = "with Linux 6.9 or later nobody notices when the process that serves drafts is killed and replaced"
        yield Check("kernel", "warning", f"Linux {release}", advice)
    else:
        yield Check("kernel", "ok", f"Linux {release}")


def _check_helper() -> Check:
    """Check fusermount3, which mounts for users."""
    if os.geteuid() == 0:
        return Check("fusermount3", "ok", "not needed: root mounts without it")
    program = shutil.which("fusermount3")
    if program is None:
        return Check("fusermount3", "problem", "is not installed", "install the package fuse3")
    status = os.stat(program)
    if not status.st_mode & stat.S_ISUID or status.st_uid != 0:
        advice = f"have root run `chmod u+s {program}`, or install the package fuse3 again"
        return Check("fusermount3", "warning", f"{program} is not setuid root, so it may not be able to mount", advice)
    return Check("fusermount3", "ok", program)


def _check_other_users() -> Check:
    """Check if a mount can be opened to other users."""
    if os.geteuid() == 0:
        return Check("--allow-other", "ok", "root may always use it")
    try:
        lines = [line.strip() for line in _CONFIGURATION.read_text(errors="replace").splitlines()]
    except OSError:
        lines = []
    if "user_allow_other" in lines:
        return Check("--allow-other", "ok", f"allowed by {_CONFIGURATION}")
    return Check("--allow-other", "ok", f"not allowed to users (`user_allow_other` in {_CONFIGURATION} allows it)")


def check_mounts() -> Iterator[Check]:
    """Check each artfs mount that this process can see."""
    for mount in mounts():
        yield _check_mount(mount)


def _check_mount(mount: MountInfo) -> Check:
    what = f"mount {mount.mountpoint}"
    shows = "the drafts of" if mount.staging else "the store"
    if mount.pid is not None:
        return Check(what, "ok", f"{shows} {mount.store}, by process {mount.pid}")
    if is_dead(mount.mountpoint):
        advice = f"`artfs umount {mount.mountpoint}` takes it away; mounting there again does too"
        return Check(what, "problem", f"{shows} {mount.store}: its daemon is gone", advice)
    return Check(what, "ok", f"{shows} {mount.store}, by a process that is not to be seen from here")
