"""What programs do in a staging mount, and what is done beside it, step by step."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from artfs.catalog import current_actor
from artfs.files import sync_directory
from artfs.names import parse_ref
from artfs.store import open_store
from tests.support.torture.powercut.mountscene import MountScene

__all__ = ["MOUNT_STEPS"]

_CHECKPOINT = "checkpoint"


def _write(scene: MountScene) -> None:
    draft, _promise, files = scene.choose_draft()
    name, data = scene.new_file(10, 20_000, 200_000, 900_000)
    (draft / name).write_bytes(data)
    files[name] = data


def _write_synced(scene: MountScene) -> None:
    draft, promise, files = scene.choose_draft()
    name, data = scene.new_file(10, 20_000, 200_000, 900_000)
    _write_and_sync(draft / name, data)
    files[name] = data
    promise.synced(name, data)


def _write_and_sync(path: Path, data: bytes, mode: str = "wb") -> None:
    with path.open(mode) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _append(scene: MountScene) -> None:
    """Go on with a file, in the version or not."""
    draft, promise, files = scene.choose_draft()
    name = scene.rng.choice([name for name in files if "/" not in name] or [_CHECKPOINT])
    _new, data = scene.new_file(10, 100_000)
    _write_and_sync(draft / name, data, "ab")
    files[name] = files.get(name, b"") + data
    promise.synced(name, files[name])


def _replace(scene: MountScene) -> None:
    """Put a new file in the place of an old one, as programs do that save their state."""
    draft, promise, files = scene.choose_draft()
    _new, data = scene.new_file(500, 300_000)
    _write_and_sync(draft / ".new", data)
    os.rename(draft / ".new", draft / _CHECKPOINT)
    sync_directory(draft)
    files[_CHECKPOINT] = data
    promise.synced(_CHECKPOINT, data)


def _write_mapped(scene: MountScene) -> None:
    """Write through a shared mapping, which msync(2) syncs."""
    draft, promise, files = scene.choose_draft()
    name, data = scene.new_file(4096, 300_000)
    with (draft / name).open("x+b") as file:
        file.truncate(len(data))
        with mmap.mmap(file.fileno(), len(data)) as mapped:
            mapped[:] = data
            mapped.flush()
    files[name] = data
    promise.synced(name, data)


def _unlink(scene: MountScene) -> None:
    draft, promise, files = scene.choose_draft()
    if files:
        name = scene.rng.choice(sorted(files))
        (draft / name).unlink()
        del files[name]
        promise.unlinked(name)


def _sync_all(scene: MountScene) -> None:
    """What sync(2) finds: of files that are closed, the server has all bytes."""
    os.sync()
    for name, promise in scene.promises.items():
        for file, data in scene.files[name].items():
            if "/" not in file:
                promise.synced(file, data)


def _sync_names(scene: MountScene) -> None:
    draft, promise, _files = scene.choose_draft()
    sync_directory(draft)
    promise.names_synced()


def _commit(scene: MountScene) -> None:
    scene.commit(scene.choose_draft()[0])


def _delete(scene: MountScene) -> None:
    with open_store(scene.staged.store) as store:
        with store.catalog.view() as view:
            found = [
                str(view.ref(version)) for artifact in view.artifacts() for version in view.versions(artifact.serial)
            ]
        if found:
            store.catalog.delete_version(parse_ref(scene.rng.choice(found)), current_actor())


def _collect(scene: MountScene) -> None:
    command = [sys.executable, "-m", "artfs.cli", "--store", os.fspath(scene.staged.store), "gc", "--now"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _kill_server(scene: MountScene) -> None:
    scene.staged.kill(lambda: scene.staged.server)


def _kill_storer(scene: MountScene) -> None:
    scene.staged.kill(lambda: scene.staged.storer)


def _mount_again(scene: MountScene) -> None:
    scene.staged.umount()
    scene.staged.mount()


def _discard(scene: MountScene) -> None:
    name = scene.choose_draft()[0].name
    scene.staged.write("discard", {"name": name, "force": True})
    del scene.promises[name], scene.files[name]


MOUNT_STEPS: dict[str, tuple[int, Callable[[MountScene], None]]] = {
    "put": (2, MountScene.put),
    "stage": (2, MountScene.stage),
    "write": (6, _write),
    "write and sync": (5, _write_synced),
    "append and sync": (4, _append),
    "replace": (4, _replace),
    "write mapped": (2, _write_mapped),
    "unlink": (2, _unlink),
    "sync names": (1, _sync_names),
    "sync all": (1, _sync_all),
    "commit": (5, _commit),
    "delete": (2, _delete),
    "gc": (1, _collect),
    "kill the server": (1, _kill_server),
    "kill the storer": (1, _kill_storer),
    "mount again": (1, _mount_again),
    "discard": (1, _discard),
}
"""By name: how often a step is in the deck that a history is dealt from, and what it does."""
