"""Readers, committers and gc on one store at once, each a process, beside its mounts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import lmdb

from artfs.catalog import current_actor
from artfs.drafts.gc_roots import collect_store
from artfs.store import open_store
from tests.support.data.checked import assert_clean
from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import ROOT, children
from tests.support.torture.crowd.roles import read_stored
from tests.support.torture.crowd.watch import Watch

__all__ = ["Crowded", "run_crowd"]

_SAMPLES = 60


@dataclass(frozen=True, slots=True)
class Crowded:
    """What came of it.

    Attributes:
        done: How many versions were `committed`, `deleted`, `read`, `read in the mount`, `collected`; bytes `freed`.
        watch: How much memory and how many open files the processes had meanwhile.
        readers: What LMDB's table of readers says when all have ended.
        troubles: What the mounts have logged that is worse than information.
    """

    done: Counter[str]
    watch: Watch
    readers: str
    troubles: list[str]


def run_crowd(top: Path, seed: int, *, readers: int, committers: int, seconds: float) -> Crowded:
    """Let them work on one store for some time; nothing that is read may be wrong.

    Half of the readers read through the mount, the others have the store open. Committers put through the store, by
    command, and from a draft.
    """
    (top / "known").mkdir()
    store = MountedStore(top)
    store.done("init")
    roles = [
        *islice(cycle(("store", "command", "draft")), committers),
        *islice(cycle(("mount", "reader")), readers),
        "gc",
    ]
    watch = Watch()
    with store:
        store.mount("--staging", os.fspath(store.place("stage")))
        began = time.monotonic()
        crowd = [_start(role, top, f"{seed} {number}") for number, role in enumerate(roles)]
        try:
            for _sample in range(_SAMPLES):
                time.sleep(seconds / _SAMPLES)
                if any(process.poll() is not None for process in crowd):
                    break  # which is reported below
                watch.look(_processes(store, roles, crowd))
        finally:
            (top / "stop").touch()
            ended = [(process, *process.communicate()) for process in crowd]
        done: Counter[str] = Counter()
        for process, out, err in ended:
            assert process.returncode == 0, (process.args, err)
            done.update(json.loads(out))
        assert time.monotonic() - began >= seconds
        troubles = store.troubles()
        with open_store(store.store) as opened:
            for _round in range(2):
                for known in sorted((top / "known").iterdir()):
                    assert read_stored(opened, known), known
                collect_store(opened, current_actor())
        assert_clean(store.store)
        for mount in store.mounts():
            store.umount(mount.mountpoint)
        return Crowded(done, watch, _readers(store.store), troubles)


def _start(role: str, top: Path, seed: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "tests.support.torture.crowd.roles", role, os.fspath(top), seed]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _processes(store: MountedStore, roles: list[str], crowd: list[subprocess.Popen[str]]) -> Iterator[tuple[str, int]]:
    for role, process in zip(roles, crowd, strict=True):
        yield role, process.pid
    for mount in store.mounts():
        if mount.pid is not None:
            yield "supervisor", mount.pid
            for child in children(mount.pid):
                yield ("drafts" if mount.staging else "worker"), child


def _readers(store: Path) -> str:
    with lmdb.open(os.fspath(store / "index"), create=False, max_readers=1024) as environment:
        environment.reader_check()
        return environment.readers().strip()
