"""A machine that commits to a store at a URL, over requests that fail.

machine_child commit URL ROOT AUTHOR COUNT SEED   commit, and print the indexes
machine_child kill URL ROOT POINT                 log a version and die by SIGKILL at that point
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from artfs.catalog.publish import FaultPoint
from artfs.remotes import open_remote
from tests.support.data.catalogs import log
from tests.support.data.machines import Machine, commit_under_faults


def commit(url: str, root: str, author: str, count: str, seed: str) -> None:
    remote = open_remote(url, os.environ)
    print("ready", flush=True)
    sys.stdin.readline()
    print(*commit_under_faults(Path(root), remote, author, int(count), int(seed)))


def kill(url: str, root: str, point: str) -> None:
    def fault_hook(reached: FaultPoint) -> None:
        if reached.name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    with Machine(Path(root), open_remote(url, os.environ)).open(fault_hook) as catalog:
        log(catalog, contents="of the killed", aliases=["best"], description="killed")


if __name__ == "__main__":
    if sys.argv[1] == "commit":
        commit(*sys.argv[2:])
    else:
        kill(*sys.argv[2:])
