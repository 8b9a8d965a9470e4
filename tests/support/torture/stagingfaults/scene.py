"""Mounts the drafts of a store again and again, each time with another call of the mount's processes going wrong.

python -m tests.support.torture.stagingfaults.scene FAULT TOP EVERY FIRST

It runs with `faults.c` preloaded, and shares its count with the processes of the mount, which it forks. For each k it
copies the store TOP/template, lets the kth call go wrong by which the mount changes the store, while a program works in
a draft, and looks at what is left: in the mount, and in the next one. A line of JSON tells what was found; the last one
tells of a run in which nothing went wrong, as there is no kth call.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from artfs.drafts.fsck import check_store
from artfs.errors import ArtfsError
from artfs.format.node import Kind
from artfs.fuse import MountOptions, mount_staging, unmount
from artfs.fuse.staging import staging_mount as _preloaded  # noqa: F401 - what each mount would have to load
from artfs.mountinfo import find_mount
from artfs.store import Store, open_store, root_entry
from tests.support.faults.fault_child import ANIMALS, FAULTS
from tests.support.torture.stagingfaults.worker import MountGone, Worker, digests, tree_of

_SECONDS: Final = 60.0
_BASE: Final[dict[str, bytes | None]] = {"a": b"a0", "deep": None, "deep/b": bytes(range(256)) * 700}

Report = dict[str, Any]


def _forked(work: Callable[[], Report], mountpoint: Path | None = None) -> Report:
    """Do something in a forked process: what it gives, or what became of it.

    Who waits for a file system that never answers cannot be killed: then the mount is ended first.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(reading)
        try:
            outcome = work()
        except Exception:  # noqa: BLE001 - reported to the process that looks
            outcome = {"traceback": traceback.format_exc()}
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(json.dumps(outcome).encode())
        finally:  # also if nobody reads it any more
            os._exit(0)
    os.close(writing)
    pieces, end = [], time.monotonic() + _SECONDS
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while True:
            if not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
                if mountpoint is not None:
                    _end_mount(mountpoint)
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return {"hung": True}
            piece = pipe.read(1 << 16)
            if not piece:
                break
            pieces.append(piece)
    os.waitpid(pid, 0)
    outcome = json.loads(b"".join(pieces))
    return dict(outcome)


def _end_mount(mountpoint: Path) -> None:
    """End what serves a mount, and take it away."""
    while (mount := find_mount(os.fspath(mountpoint))) is not None:
        if mount.pid is not None:
            os.kill(mount.pid, signal.SIGKILL)
        subprocess.run(["umount", "-l", mountpoint], check=True)


class _Scene:
    """One run.

    Args:
        work: Its directory, in which `store` is.
        shim: What is preloaded.
    """

    def __init__(self, work: Path, shim: ctypes.CDLL) -> None:
        self._store = work / "store"
        self._mountpoint = work / "stage"
        self._mountpoint.mkdir()
        self._shim = shim
        self.found: Report = {}

    def play(self, k: int, what: int, number: int) -> None:
        """Let the kth call go wrong, and look."""
        self._shim.fault_arm(os.fsencode(self._store), ctypes.c_long(k), what, number, -1, 0)
        self.found["mounted"] = self._mount()
        if "error" in self.found["mounted"]:
            self.found["mounted again"] = self._mount()
        self.found["worked"] = worked = _forked(self._work, self._mountpoint)
        self._shim.fault_disarm()
        self.found["calls"] = self._shim.fault_count()
        self.found["fired"] = self._shim.fault_fired()
        self.found["call"] = self._shim.fault_call().decode()
        self.found["unmounted"] = self._unmount()
        self.found["remounted"] = self._mount()
        self.found["looked"] = _forked(lambda: self._look(worked), self._mountpoint)
        self.found["unmounted at the end"] = self._unmount()
        self.found["left"] = _forked(self._stored)

    def _mount(self) -> Report:
        mount = partial(mount_staging, self._store, self._mountpoint, MountOptions())
        return _forked(lambda: _outcome(mount), self._mountpoint)

    def _unmount(self) -> Report:
        return _forked(lambda: _outcome(lambda: unmount(self._mountpoint)), self._mountpoint)

    def _work(self) -> Report:
        worker = Worker(self._mountpoint / "animals", dict(_BASE))
        outcome: Report = {"gone": False, "errors": [], "errors later": []}
        try:
            worker.work()
            self._shim.fault_disarm()
            outcome |= {"tree": tree_of(worker.draft), "expected": digests(worker.contents), "errors": worker.errors}
            worker.errors = outcome["errors later"]
            worker.after("after")
        except MountGone:
            outcome["gone"] = True
        contents = {path: None if data is None else data.hex() for path, data in worker.contents.items()}
        return {
            **outcome,
            "contents": contents,
            "expected at the end": digests(worker.contents),
            "unsure": sorted(worker.unsure),
            "commits": worker.commits,
        }

    def _look(self, worked: Report) -> Report:
        contents = {path: None if data is None else bytes.fromhex(data) for path, data in worked["contents"].items()}
        worker = Worker(self._mountpoint / "animals", contents)
        tree = tree_of(worker.draft)
        worker.unsure.update(worked["unsure"])
        worker.after("next")
        return {"tree": tree, "errors": worker.errors, "commits": worker.commits}

    def _stored(self) -> Report:
        report = check_store(self._store, read_data=True)
        with open_store(self._store) as store, store.catalog.view() as view:
            artifact = view.artifact_by_name(ANIMALS)
            assert artifact is not None
            versions = {
                str(view.ref(version)): {"token": version.description, "tree": _tree_of_version(store, version)}
                for version in view.versions(artifact.serial)
            }
        return {"findings": [f"{one.invariant} {one.message}" for one in report.findings], "versions": versions}


def _outcome(call: Callable[[], None]) -> Report:
    try:
        call()
    except ArtfsError as error:
        return {"error": type(error).__name__, "message": str(error), "code": error.exit_code}
    return {}


def _tree_of_version(store: Store, version: Any) -> Report:
    found: dict[str, bytes | None] = {}
    for path, entry in store.walk(root_entry(version)):
        found[path.decode()] = b"".join(store.content.stream(entry)) if entry.kind == Kind.FILE else None
    return dict(digests(found))


def _run(top: Path, shim: ctypes.CDLL, fault: str, k: int) -> Report:
    work = top / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(top / "template", work)
    scene = _Scene(work, shim)
    try:
        scene.play(k, *FAULTS[fault])
    finally:
        _end_mount(work / "stage")
    log = "".join(path.read_text() for path in sorted((work / "store" / "logs").glob("*.log*")))
    return {"k": k, **scene.found, "log": [line for line in log.splitlines() if " INFO " not in line]}


def main() -> None:
    """Run with each k until there is no kth call."""
    fault, top, every, k = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    shim.fault_call.restype = ctypes.c_char_p
    shim.fault_fired.restype = ctypes.c_long
    assert shim.fault_share()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by way of what ends the mount
    while True:
        found = _run(top, shim, fault, k)
        print(json.dumps(found), flush=True)
        if not found["fired"]:
            return
        k += every


if __name__ == "__main__":
    main()
