"""End mounts below a directory when a test hangs: `mount_watchdog DIRECTORY`, used by `tests.support.mounts.watchdog`.

It goes on in the background. It reads lines from its standard input: `SECONDS TEST` is a test that has to end within
that time, after which the mounts are ended; `done` ends this process. The end of the input without it tells that the
run was killed: the mounts are ended, then this process.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

from artfs.errors import ArtfsError
from artfs.fuse.device import syscalls
from artfs.fuse.device.device import detach
from artfs.mountinfo import MountInfo, mounts
from tests.support.mounts.mounts import children

_MNT_FORCE = 1
"""The kernel fails all requests of the file system, those that it waits for too."""


def end_mounts(top: Path) -> list[MountInfo]:
    """Kill what serves the mounts below a directory, and unmount them."""
    found = [mount for mount in mounts() if mount.mountpoint.is_relative_to(top)]
    for mount in found:
        if mount.pid is not None:
            with suppress(OSError):
                for process in (mount.pid, *children(mount.pid)):
                    os.kill(process, signal.SIGKILL)
        with suppress(OSError):  # only root may; otherwise the mount ended with the last of its processes
            syscalls.umount(os.fsencode(mount.mountpoint), _MNT_FORCE | syscalls.UMOUNT_NOFOLLOW)
        with suppress(OSError, ArtfsError):
            detach(str(mount.mountpoint), lazy=True)
    return found


def main() -> int:
    if os.fork():
        return 0
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)  # those that end the run; the end of the input ends this
    top, test, seconds = Path(sys.argv[1]).resolve(), "", None
    while True:
        ready, _, _ = select.select([0], [], [], seconds)
        line = os.read(0, 1 << 16).decode() if ready else ""
        last = line.splitlines()[-1] if line else ""
        if last == "done":
            return 0
        if not last:
            if ended := end_mounts(top):
                why = f"{test} hangs" if not ready else "the run was killed"
                print(f"watchdog: {why}: ended {[str(mount.mountpoint) for mount in ended]}", file=sys.stderr)
            if ready:
                return 1
            continue  # what was mounted since is ended after as long again
        word, _space, test = last.partition(" ")
        seconds = float(word)


if __name__ == "__main__":
    sys.exit(main())
