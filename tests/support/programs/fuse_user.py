"""What an ordinary user does with a mount: `fuse_user DIRECTORY`.

Makes a store and a mount in DIRECTORY, reads, kills a worker, is refused what is refused, unmounts. Prints a line of
JSON with what it saw. It is one program because the mounts may be visible to it alone: it may run in a mount namespace.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from artfs.catalog import NewVersion
from artfs.errors import MountError
from artfs.fuse import MountOptions, mount, unmount
from artfs.mountinfo import find_mount
from artfs.store import open_store
from tests.support.mounts.mounts import children, is_alive, wait_until


def put(store: Path, source: Path) -> None:
    """Make the store, in a process of its own: who mounts has none open."""
    child = os.fork()
    if child == 0:
        with open_store(store, create=True) as opened:
            opened.put([source], NewVersion("animals"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def daemon_of(mountpoint: Path) -> int:
    info = find_mount(os.fspath(mountpoint))
    assert info is not None
    assert info.pid is not None
    return info.pid


def refusal(store: Path, mountpoint: Path, options: MountOptions | None = None) -> str:
    try:
        mount(store, mountpoint, options)
    except MountError as error:
        return str(error)
    unmount(mountpoint)
    return ""


def main() -> None:
    top = Path(sys.argv[1])
    store, source, mountpoint = top / "a, b\\c", top / "source", top / "mnt"
    source.mkdir()
    mountpoint.mkdir()
    (source / "labels.csv").write_text("tom,cat\n")
    put(store, source)
    seen: dict[str, object] = {"user": os.geteuid()}
    seen["allow_other"] = refusal(store, mountpoint, MountOptions(allow_other=True))
    seen["not mine"] = refusal(store, Path("/proc/sys/fs/binfmt_misc"))
    started = time.monotonic()
    mount(store, mountpoint, MountOptions(workers=2, max_workers=2))
    seen["seconds"] = time.monotonic() - started
    pid = daemon_of(mountpoint)
    file = mountpoint / "animals" / "latest" / "labels.csv"
    seen["read"] = file.read_text()
    seen["owner"] = os.stat(file).st_uid
    [line] = [line for line in Path("/proc/self/mounts").read_text().splitlines() if f" {mountpoint} " in line]
    seen["options"] = line.split()[3].split(",")
    seen["log"] = Path(find_mount(os.fspath(mountpoint)).log).read_text()  # type: ignore[union-attr]
    victim = children(pid)[0]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(children(pid)) == 2 and victim not in children(pid), 1.0)
    seen["read again"] = file.read_text()
    with open(file):
        try:
            unmount(mountpoint)
        except MountError as error:
            seen["busy"] = str(error)
    unmount(mountpoint)
    seen["daemon gone"] = not is_alive(pid)
    mount(store, mountpoint)
    killed = daemon_of(mountpoint)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not is_alive(killed))
    mount(store, mountpoint)
    seen["read after a stale mount"] = file.read_text()
    last = daemon_of(mountpoint)
    os.kill(last, signal.SIGTERM)
    wait_until(lambda: not is_alive(last))
    seen["left"] = find_mount(os.fspath(mountpoint)) is not None
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
